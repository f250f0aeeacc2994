//! memcached's command line, so that whatever starts a memcached can start this engine.
//!
//! What cannot be honoured is refused by name and never ignored: a daemon that quietly runs with other
//! settings than it was given is worse than one that does not start. The one exception is `-u`, see
//! [`FLAGS_HELP`].

use super::{ITEM_BYTES_MAX, ITEM_BYTES_MIN, Options, Permission, UnixSocket};
use peercache_engine::WhenFull;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// The flags, for a help text.
pub const FLAGS_HELP: &str = "\
The flags are memcached's:
  -p, --port NUM             TCP port [11211]; -1 takes a free one, 0 is none
  -l, --listen ADDR[,ADDR]   addresses to listen on [127.0.0.1]
  -s, --unix-socket PATH     Unix socket to listen on, instead of TCP
  -a, --unix-mask MASK       who may connect to it, octal [700]
  -m, --memory-limit MB      memory for items, with keys and overhead [64]
  -I, --max-item-size SIZE   largest item; k and m may follow [1m]
  -M, --disable-evictions    refuse new items when memory is full
  -c, --conn-limit NUM       clients connected at once [1024]
  -t, --threads NUM          worker threads [4]
  -Y, --auth-file FILE       who may use it, a user:password on each line [everybody]
  -F, --disable-flush-all    refuse flush_all
  -A, --enable-shutdown      let clients stop the engine
  -u, --user USER            accepted, without effect: the engine needs no rights and takes none
  -U, --udp-port 0           accepted; there is no UDP
  -v, -vv, -vvv, --verbose   log more";

/// Why a command line cannot be used. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FlagError {
    /// A flag that is not known.
    #[error(
        "the engine has no flag {flag:?}; it takes memcached's -p -s -a -l -U -m -I -M -c -t -u -F -Y -A -v"
    )]
    Unknown {
        /// As it was given.
        flag: String,
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
        expected: &'static str,
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
            let letter = short(name).ok_or_else(|| FlagError::Unknown { flag: format!("--{name}") })?;
            parser.flag(letter, value, &mut args)?;
        } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            parser.letters(letters, &mut args)?;
        } else {
            return Err(FlagError::Stray { argument: text });
        }
    }
    parser.finish()
}

/// The letter of a long flag.
fn short(name: &str) -> Option<char> {
    Some(match name {
        "port" => 'p',
        "listen" => 'l',
        "unix-socket" => 's',
        "unix-mask" => 'a',
        "memory-limit" => 'm',
        "max-item-size" => 'I',
        "disable-evictions" => 'M',
        "conn-limit" => 'c',
        "threads" => 't',
        "disable-flush-all" => 'F',
        "auth-file" => 'Y',
        "enable-shutdown" => 'A',
        "user" => 'u',
        "udp-port" => 'U',
        "verbose" => 'v',
        _ => return None,
    })
}

#[derive(Default)]
struct Parser {
    options: Options,
    socket_path: Option<PathBuf>,
    socket_mode: Option<u32>,
    no_tcp: bool,
}

impl Parser {
    /// Flags behind one dash: any number without a value, or one with the rest as its value.
    fn letters(&mut self, letters: &str, args: &mut impl Iterator<Item = OsString>) -> Result<(), FlagError> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let glued = (takes_value(letter) && !rest.is_empty()).then(|| OsString::from(rest));
            let done = glued.is_some();
            self.flag(letter, glued, args)?;
            if done {
                return Ok(());
            }
        }
        Ok(())
    }

    fn flag(
        &mut self,
        letter: char,
        glued: Option<OsString>,
        args: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), FlagError> {
        let flag = name(letter).ok_or_else(|| FlagError::Unknown { flag: format!("-{letter}") })?;
        if !takes_value(letter) {
            return match glued {
                Some(value) => {
                    Err(FlagError::UnwantedValue { flag, value: value.to_string_lossy().into_owned() })
                }
                None => {
                    self.switch(letter);
                    Ok(())
                }
            };
        }
        let value = glued.or_else(|| args.next()).ok_or(FlagError::NoValue { flag })?;
        self.value(flag, letter, value)
    }

    fn switch(&mut self, letter: char) {
        match letter {
            'M' => self.options.when_full = WhenFull::Refuse,
            'F' => self.options.flush_all = Permission::Refused,
            'A' => self.options.shutdown = Permission::Allowed,
            _ => self.options.verbosity = self.options.verbosity.saturating_add(1),
        }
    }

    fn value(&mut self, flag: &'static str, letter: char, value: OsString) -> Result<(), FlagError> {
        let text = value.to_string_lossy().into_owned();
        let bad = |expected| FlagError::BadValue { flag, value: text.clone(), expected };
        let options = &mut self.options;
        match letter {
            'p' if text == "-1" => options.port = 0,
            'p' => {
                options.port = parse(&text).ok_or_else(|| bad("a port from 1 to 65535, -1 or 0"))?;
                self.no_tcp = options.port == 0;
            }
            'l' => {
                let read = addresses(&text);
                options.addresses = read.ok_or_else(|| bad("IP addresses, as in 127.0.0.1,::1"))?;
            }
            'Y' => options.auth_file = Some(value.into()),
            's' => self.socket_path = Some(value.into()),
            'a' => {
                let mode = u32::from_str_radix(&text, 8).ok().filter(|&mode| mode <= 0o777);
                self.socket_mode = Some(mode.ok_or_else(|| bad("octal permissions, as in 700"))?);
            }
            'm' => options.memory_mb = parse(&text).ok_or_else(|| bad("a number of megabytes, from 1 up"))?,
            'I' => options.item_bytes_max = size(&text).ok_or_else(|| bad("a size from 1k to 1024m"))?,
            'c' => options.connections_max = parse(&text).ok_or_else(|| bad("a number from 1 up"))?,
            't' => options.threads = parse(&text).ok_or_else(|| bad("a number of threads, from 1 up"))?,
            'U' if text != "0" => return Err(bad("0: there is no UDP")),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Options, FlagError> {
        let mut options = self.options;
        let mode = self.socket_mode.unwrap_or(0o700);
        options.unix_socket = self.socket_path.map(|path| UnixSocket { path, mode });
        // As in memcached, a Unix socket is instead of TCP.
        if self.no_tcp || options.unix_socket.is_some() {
            options.addresses.clear();
        }
        if options.addresses.is_empty() && options.unix_socket.is_none() {
            return Err(FlagError::NoListener);
        }
        Ok(options)
    }
}

const fn takes_value(letter: char) -> bool {
    !matches!(letter, 'M' | 'F' | 'A' | 'v')
}

const fn name(letter: char) -> Option<&'static str> {
    Some(match letter {
        'p' => "-p",
        'l' => "-l",
        's' => "-s",
        'a' => "-a",
        'm' => "-m",
        'I' => "-I",
        'M' => "-M",
        'c' => "-c",
        't' => "-t",
        'F' => "-F",
        'Y' => "-Y",
        'A' => "-A",
        'u' => "-u",
        'U' => "-U",
        'v' => "-v",
        _ => return None,
    })
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn addresses(text: &str) -> Option<Vec<IpAddr>> {
    let one = |word: &str| match word {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        word => parse(word),
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
    let bytes = parse::<usize>(digits)?.checked_mul(unit)?;
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
    fn what_cannot_be_honoured_is_refused_by_name() {
        for (line, words) in [
            ("-Z", "no flag \"-Z\""),
            ("--enable-ssl", "no flag \"--enable-ssl\""),
            ("-p", "-p needs a value"),
            ("-p 65536", "a port from 1"),
            ("-p x", "a port from 1"),
            ("-m 0", "megabytes"),
            ("-t 0", "threads"),
            ("-c -5", "from 1 up"),
            ("-I 10", "1k to 1024m"),
            ("-I 2g", "1k to 1024m"),
            ("-U 11211", "there is no UDP"),
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
