//! memcached's command line, so that whatever starts a memcached can start this engine.
//!
//! What cannot be honoured is refused by name: a daemon that quietly runs with other settings than it was
//! given is worse than one that does not start. What only tunes how memcached keeps its items has no meaning
//! here and is taken without effect; [`FLAGS_HELP`] says which flags those are.

mod extended;
mod table;

use super::{Detail, ITEM_BYTES_MAX, ITEM_BYTES_MIN, Options, Permission, Place, Protocol, UnixSocket};
use peercache_engine::{Versions, WhenFull};
use std::borrow::Cow;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use table::{Flag, Takes};
use thiserror::Error;

pub use table::FLAGS_HELP;

/// An item may take this share of the memory: a half (memcached's).
const LARGEST_SHARE: u64 = 2;

/// Why a command line cannot be used. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FlagError {
    /// A flag that is not known.
    #[error("the engine has no flag {flag:?}; it takes memcached's, see `peercache engine -h`")]
    Unknown {
        /// As it was given.
        flag: String,
    },
    /// A flag of memcached that asks for what the engine does not do.
    #[error("{flag} cannot be honoured: {why}")]
    Refused {
        /// The flag.
        flag: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A flag without its value.
    #[error("{flag} needs a value")]
    NoValue {
        /// The flag.
        flag: &'static str,
    },
    /// A value for a flag that takes none.
    #[error("{flag} takes no value, but was given {value:?}")]
    UnwantedValue {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
    },
    /// A value that cannot be used.
    #[error("{flag} {value:?} cannot be used: give {expected}")]
    BadValue {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        expected: Cow<'static, str>,
    },
    /// Something that is no flag.
    #[error("{argument:?} is not a flag; flags begin with a dash, as in -p 11211")]
    Stray {
        /// The argument.
        argument: String,
    },
    /// Neither TCP nor a Unix socket.
    #[error("with -p 0 there is nothing to listen on: give a port, or a Unix socket with -s PATH")]
    NoListener,
    /// An item of the largest size would take too much of the memory.
    #[error("-I is more than half of -m: give at most {mb_max}m, or more memory")]
    ItemTooLarge {
        /// The most that would do, in MiB.
        mb_max: u64,
    },
}

/// Reads memcached's flags, given together (`-p11211`, `-vv`, `--port=11211`) or apart (`-p 11211`).
///
/// # Errors
/// [`FlagError`] names the flag and what would do.
pub fn from_memcached_flags(args: impl IntoIterator<Item = OsString>) -> Result<Options, FlagError> {
    let mut parser = Parser::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (long, None),
            };
            if name == DETACHED {
                parser.options.place = Place::Detached;
                continue;
            }
            let flag =
                table::by_name(name).ok_or_else(|| FlagError::Unknown { flag: format!("--{name}") })?;
            parser.flag(flag, value, &mut args)?;
        } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            parser.letters(letters, &mut args)?;
        } else {
            return Err(FlagError::Stray { argument: text });
        }
    }
    parser.finish()
}

/// The word behind two dashes with which an engine starts itself again for `-d`.
pub(crate) const DETACHED: &str = "detached";

#[derive(Default)]
struct Parser {
    options: Options,
    addresses: Vec<IpAddr>,
    socket_path: Option<PathBuf>,
    socket_mode: Option<u32>,
    item_bytes_max: Option<usize>,
    no_tcp: bool,
}

impl Parser {
    /// Flags behind one dash: any number without a value, or one with the rest as its value.
    fn letters(&mut self, letters: &str, args: &mut impl Iterator<Item = OsString>) -> Result<(), FlagError> {
        for (at, letter) in letters.char_indices() {
            let flag =
                table::by_letter(letter).ok_or_else(|| FlagError::Unknown { flag: format!("-{letter}") })?;
            let rest = &letters[at + letter.len_utf8()..];
            let glued = (flag.takes == Takes::Value && !rest.is_empty()).then(|| OsString::from(rest));
            let done = glued.is_some();
            self.flag(flag, glued, args)?;
            if done {
                return Ok(());
            }
        }
        Ok(())
    }

    fn flag(
        &mut self,
        flag: &'static Flag,
        glued: Option<OsString>,
        args: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), FlagError> {
        match (flag.takes, glued) {
            (Takes::Never(why), _) => Err(FlagError::Refused { flag: flag.name.to_owned(), why }),
            (Takes::Nothing, Some(value)) => {
                let value = value.to_string_lossy().into_owned();
                Err(FlagError::UnwantedValue { flag: flag.name, value })
            }
            (Takes::Nothing, None) => {
                self.switch(flag.letter);
                Ok(())
            }
            (Takes::Value, glued) => {
                let value = glued.or_else(|| args.next()).ok_or(FlagError::NoValue { flag: flag.name })?;
                let text = value.to_string_lossy().into_owned();
                self.value(flag.letter, value).map_err(|expected| match expected {
                    Expected::Of(error) => error,
                    Expected::Text(expected) => {
                        FlagError::BadValue { flag: flag.name, value: text, expected: expected.into() }
                    }
                })
            }
        }
    }

    fn switch(&mut self, letter: char) {
        let options = &mut self.options;
        match letter {
            'M' => options.when_full = WhenFull::Refuse,
            'F' => options.flush_all = Permission::Refused,
            'X' => options.dumps = Permission::Refused,
            'A' => options.shutdown = Permission::Allowed,
            'C' => options.versions = Versions::Off,
            // The child for which it is meant already is in the background.
            'd' if options.place == Place::Foreground => options.place = Place::Background,
            'v' => options.verbosity = options.verbosity.saturating_add(1),
            _ => {}
        }
    }

    fn value(&mut self, letter: char, value: OsString) -> Result<(), Expected> {
        let text = value.to_string_lossy().into_owned();
        let options = &mut self.options;
        match letter {
            'p' if text == "-1" => options.port = 0,
            'p' => {
                options.port = parse(&text, "a port from 1 to 65535, -1 or 0")?;
                self.no_tcp = options.port == 0;
            }
            'l' => {
                let read = addresses(&text).ok_or(Expected::Text("IP addresses, as in 127.0.0.1,::1"))?;
                self.addresses.extend(read);
            }
            'Y' => options.auth_file = Some(value.into()),
            'P' => options.pid_file = Some(value.into()),
            's' => self.socket_path = Some(value.into()),
            'a' => {
                let mode = u32::from_str_radix(&text, 8).ok().filter(|&mode| mode <= 0o777);
                self.socket_mode = Some(mode.ok_or(Expected::Text("octal permissions, as in 700"))?);
            }
            'm' => options.memory_mb = parse(&text, "a number of megabytes, from 1 up")?,
            'I' => {
                self.item_bytes_max = Some(size(&text).ok_or(Expected::Text("a size from 1k to 1024m"))?);
            }
            'c' => options.connections_max = parse(&text, "a number from 1 up")?,
            'b' => options.backlog = parse(&text, "a number from 1 up")?,
            'R' => options.requests_per_turn = Some(parse(&text, "a number from 1 up")?),
            't' => options.threads = parse(&text, "a number of threads, from 1 up")?,
            'D' => {
                let &[delimiter] = text.as_bytes() else { return Err(Expected::Text("one character")) };
                (options.prefix_delimiter, options.detail) = (delimiter, Detail::On);
            }
            'o' => extended::take(options, &text).map_err(Expected::Of)?,
            'B' => options.protocol = protocol(&text)?,
            'U' => {
                let port: i32 = parse(&text, UDP_PORTS)?;
                options.udp_was_asked_for = match port {
                    0 => None,
                    -1..=65535 => Some(port),
                    _ => return Err(Expected::Text(UDP_PORTS)),
                };
            }
            'f' => drop(parse::<f64>(&text, FACTORS)?.gt(&1.0).then_some(()).ok_or(Expected::Text(FACTORS))?),
            'n' => drop(parse::<std::num::NonZeroU32>(&text, "a number of bytes, from 1 up")?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Options, FlagError> {
        let mut options = self.options;
        if !self.addresses.is_empty() {
            options.addresses = self.addresses;
        }
        let mode = self.socket_mode.unwrap_or(0o700);
        options.unix_socket = self.socket_path.map(|path| UnixSocket { path, mode });
        // As in memcached, a Unix socket is instead of TCP.
        if self.no_tcp || options.unix_socket.is_some() {
            options.addresses.clear();
        }
        if options.addresses.is_empty() && options.unix_socket.is_none() {
            return Err(FlagError::NoListener);
        }
        if let Some(bytes) = self.item_bytes_max {
            let bytes_max = (u64::from(options.memory_mb.get()) << 20) / LARGEST_SHARE;
            if bytes as u64 > bytes_max {
                return Err(FlagError::ItemTooLarge { mb_max: bytes_max >> 20 });
            }
            options.item_bytes_max = bytes;
        }
        Ok(options)
    }
}

const UDP_PORTS: &str = "a port; there is no UDP";

const FACTORS: &str = "a factor above 1, as in 1.25";

/// Why a value cannot be used.
enum Expected {
    /// Something else was expected.
    Text(&'static str),
    /// As this says.
    Of(FlagError),
}

fn parse<T: FromStr>(text: &str, expected: &'static str) -> Result<T, Expected> {
    text.parse().map_err(|_| Expected::Text(expected))
}

fn protocol(text: &str) -> Result<Protocol, Expected> {
    match text {
        "auto" => Ok(Protocol::Auto),
        "ascii" => Ok(Protocol::Ascii),
        "binary" => Ok(Protocol::Binary),
        _ => Err(Expected::Text("auto, ascii or binary")),
    }
}

fn addresses(text: &str) -> Option<Vec<IpAddr>> {
    let one = |word: &str| match word {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        word => word.parse().ok(),
    };
    text.split(',').map(one).collect()
}

/// `1048576`, `1024k` or `1m`.
fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let bytes = digits.parse::<usize>().ok()?.checked_mul(unit)?;
    (ITEM_BYTES_MIN..=ITEM_BYTES_MAX).contains(&bytes).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Result<Options, FlagError> {
        from_memcached_flags(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_supervisors_command_line_is_taken() {
        let options =
            flags("-l 127.0.0.1 -p 12345 -m 64 -t 2 -c 500 -I 2097152 -U 0 -u nobody -M -F -A -vv").unwrap();
        assert_eq!((options.port, options.memory_mb.get(), options.threads.get()), (12345, 64, 2));
        assert_eq!((options.connections_max.get(), options.item_bytes_max), (500, 2 << 20));
        assert_eq!((options.when_full, options.flush_all), (WhenFull::Refuse, Permission::Refused));
        assert_eq!((options.shutdown, options.verbosity), (Permission::Allowed, 2));
    }

    #[test]
    fn flags_are_given_glued_long_or_apart() {
        let expected = flags("-p 1234 -m 10 -I 2m -v").unwrap();
        assert_eq!(flags("-p1234 -m10 -I2m -v").unwrap(), expected);
        assert_eq!(flags("--port=1234 --memory-limit 10 --max-item-size=2048k --verbose").unwrap(), expected);
        assert_eq!(flags("-vp1234 -m10 -I2m").unwrap(), expected);
    }

    #[test]
    fn without_flags_it_is_memcached_on_127_0_0_1() {
        let options = flags("").unwrap();
        assert_eq!(options, Options::default());
        assert_eq!((options.addresses, options.port), (vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], 11211));
    }

    #[test]
    fn a_unix_socket_is_instead_of_tcp() {
        let options = flags("-s /tmp/socket -a 770 -p 0").unwrap();
        assert!(options.addresses.is_empty());
        assert_eq!(options.unix_socket, Some(UnixSocket { path: "/tmp/socket".into(), mode: 0o770 }));
        assert_eq!(flags("-p 0"), Err(FlagError::NoListener));
    }

    #[test]
    fn what_means_nothing_here_is_taken_without_effect() {
        let line = "-u root -U 0 -f 1.25 -n 48 -L -W -o modern -o relaxed_privileges,slab_chunk_max=16";
        assert_eq!(flags(line).unwrap(), Options::default());
        assert_eq!(flags("-U 11211").unwrap().udp_was_asked_for, Some(11211));
        assert_eq!(flags("-B binary").unwrap().protocol, Protocol::Binary);
    }

    #[test]
    fn what_memcached_can_do_too_is_honoured() {
        let options = flags("-C -X -b 8675 -R 5 -D / -P /run/pid -o idle_timeout=9").unwrap();
        assert_eq!((options.versions, options.dumps), (Versions::Off, Permission::Refused));
        assert_eq!((options.backlog.get(), options.requests_per_turn.unwrap().get()), (8675, 5));
        assert_eq!((options.prefix_delimiter, options.detail), (b'/', Detail::On));
        assert_eq!(options.pid_file, Some("/run/pid".into()));
        assert_eq!(options.idle_timeout.unwrap().as_secs(), 9);
    }

    #[test]
    fn addresses_add_up() {
        let options = flags("-l 127.0.0.2 -l ::1,127.0.0.3").unwrap();
        assert_eq!(options.addresses.len(), 3);
    }

    #[test]
    fn a_daemon_is_in_the_background_once() {
        assert_eq!(flags("-d").unwrap().place, Place::Background);
        assert_eq!(flags("-d --detached").unwrap().place, Place::Detached);
        assert_eq!(flags("--detached -d").unwrap().place, Place::Detached);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        for (line, words) in [
            ("-Q", "no flag \"-Q\""),
            ("--enable-dtls", "no flag \"--enable-dtls\""),
            ("-Z", "-Z cannot be honoured: there is no TLS"),
            ("--enable-ssl", "-Z cannot be honoured"),
            ("-S", "give users with -Y"),
            ("-e /tmp/file", "memory alone"),
            ("-B http", "auto, ascii or binary"),
            ("-f 1", "above 1"),
            ("-n 0", "from 1 up"),
            ("-R 0", "from 1 up"),
            ("-b x", "from 1 up"),
            ("-D ab", "one character"),
            ("-m 64 -I 256m", "more than half of -m: give at most 32m"),
            ("-p", "-p needs a value"),
            ("-p 65536", "a port from 1"),
            ("-p x", "a port from 1"),
            ("-m 0", "megabytes"),
            ("-t 0", "threads"),
            ("-c -5", "from 1 up"),
            ("-I 10", "1k to 1024m"),
            ("-I 2g", "1k to 1024m"),
            ("-U -2", "there is no UDP"),
            ("-U x", "there is no UDP"),
            ("-l example.org", "IP addresses"),
            ("-a 999", "octal"),
            ("--verbose=3", "takes no value"),
            ("11211", "is not a flag"),
        ] {
            let message = flags(line).unwrap_err().to_string();
            assert!(message.contains(words), "{line}: {message}");
        }
    }
}
