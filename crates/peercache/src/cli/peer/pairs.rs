//! Peers as `peer attach` takes them: `ID HOST:PORT` or `ID=HOST:PORT`, as many as are given.
//!
//! Two words that belong together are more than a parser of single words can check, so this takes its
//! argument from clap by hand; a word that does not fit is a wrong command line all the same.

use crate::cli::words;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use peercache_core::spec::PeerId;

const NAME: &str = "peers";

/// Peers and the daemons they are, in the order in which they were typed.
#[derive(Debug)]
pub(super) struct Pairs(pub(super) Vec<(PeerId, words::Daemon)>);

impl Args for Pairs {
    fn augment_args(command: Command) -> Command {
        let help = "The id that each gets, and where it listens: p0 10.0.0.1:11211 or p0=10.0.0.1:11211";
        command.arg(Arg::new(NAME).required(true).num_args(1..).value_name("ID HOST:PORT").help(help))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Pairs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed: Vec<&str> =
            matches.get_many::<String>(NAME).into_iter().flatten().map(String::as_str).collect();
        pairs(&typed).map(Self).map_err(|sentence| {
            let each = "give each peer as ID HOST:PORT, or as ID=HOST:PORT";
            Error::raw(ErrorKind::ValueValidation, format!("{sentence}; {each}\n"))
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn pairs(typed: &[&str]) -> Result<Vec<(PeerId, words::Daemon)>, String> {
    let mut pairs = Vec::with_capacity(typed.len());
    let mut typed = typed.iter().copied();
    while let Some(word) = typed.next() {
        let (id, address) = match word.split_once('=') {
            Some(pair) => pair,
            None => (word, typed.next().ok_or_else(|| format!("{word:?} has no HOST:PORT behind it"))?),
        };
        pairs.push((words::peer_id(id)?, words::daemon(address)?));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &[&str]) -> Result<Vec<String>, String> {
        let one = |(id, at): (PeerId, words::Daemon)| format!("{id} {} {}", at.address, at.ring_name);
        Ok(pairs(typed)?.into_iter().map(one).collect())
    }

    #[test]
    fn several_peers_are_given_in_either_spelling() {
        let read = read(&["a", "127.0.0.1:11211", "b=127.0.0.1:11212", "c", "[::1]:11213"]).unwrap();
        assert_eq!(
            read,
            ["a 127.0.0.1:11211 127.0.0.1", "b 127.0.0.1:11212 127.0.0.1:11212", "c [::1]:11213 ::1:11213"]
        );
    }

    #[test]
    fn half_a_pair_is_no_peer() {
        for typed in [&["a"][..], &["a", "b"], &["a=1.2.3.4:5", "b"], &["=1.2.3.4:5"], &["a", "1.2.3.4:0"]] {
            assert!(read(typed).is_err(), "{typed:?}");
        }
    }
}
