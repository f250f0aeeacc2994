//! Every flag that memcached has, and what becomes of it here.

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
  -b, --listen-backlog NUM   clients that may wait to be accepted [1024]
  -R, --max-reqs-per-event N requests of one client before others have their turn [no limit]
  -t, --threads NUM          worker threads [4]
  -d, --daemon               go on in the background once clients can connect
  -P, --pidfile FILE         write the process id there, and remove it at the end
  -Y, --auth-file FILE       who may use it, a user:password on each line [everybody]
  -C, --disable-cas          items have no versions: gets tells 0
  -D CHAR                    count by what is before this in keys, as after `stats detail on` [:]
  -F, --disable-flush-all    refuse flush_all
  -X, --disable-dumping      refuse to list items
  -A, --enable-shutdown      let clients stop the engine
  -o, --extended NAME[=N],.. idle_timeout=N closes who is silent for N seconds; names that tune
                             memcached's memory are taken without effect (docs/embedded.md)
  -u, --user USER            taken without effect: the engine needs no rights and takes none
  -f -n -L                   taken without effect: there are no slabs
  -U, --udp-port NUM         taken without effect: there is no UDP
  -B, --protocol NAME        auto, ascii or binary; ascii is spoken whichever is asked for
  -W, --disable-watch        taken: there is nothing to watch
  -v, -vv, -vvv, --verbose   log more
  -h, --help; -V, --version  say this; say the version";

/// A flag of memcached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    pub(super) letter: char,
    /// As it is typed.
    pub(super) name: &'static str,
    /// What is behind two dashes.
    pub(super) long: &'static str,
    pub(super) takes: Takes,
}

/// What a flag needs, or why it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// It would change what the engine does, and cannot.
    Never(&'static str),
}

const fn flag(letter: char, name: &'static str, long: &'static str, takes: Takes) -> Flag {
    Flag { letter, name, long, takes }
}

const FLAGS: &[Flag] = &[
    flag('p', "-p", "port", Takes::Value),
    flag('l', "-l", "listen", Takes::Value),
    flag('s', "-s", "unix-socket", Takes::Value),
    flag('a', "-a", "unix-mask", Takes::Value),
    flag('m', "-m", "memory-limit", Takes::Value),
    flag('I', "-I", "max-item-size", Takes::Value),
    flag('M', "-M", "disable-evictions", Takes::Nothing),
    flag('c', "-c", "conn-limit", Takes::Value),
    flag('b', "-b", "listen-backlog", Takes::Value),
    flag('R', "-R", "max-reqs-per-event", Takes::Value),
    flag('t', "-t", "threads", Takes::Value),
    flag('d', "-d", "daemon", Takes::Nothing),
    flag('P', "-P", "pidfile", Takes::Value),
    flag('Y', "-Y", "auth-file", Takes::Value),
    flag('C', "-C", "disable-cas", Takes::Nothing),
    flag('D', "-D", "prefix-delimiter", Takes::Value),
    flag('F', "-F", "disable-flush-all", Takes::Nothing),
    flag('X', "-X", "disable-dumping", Takes::Nothing),
    flag('A', "-A", "enable-shutdown", Takes::Nothing),
    flag('o', "-o", "extended", Takes::Value),
    flag('u', "-u", "user", Takes::Value),
    flag('f', "-f", "slab-growth-factor", Takes::Value),
    flag('n', "-n", "slab-min-size", Takes::Value),
    flag('L', "-L", "enable-largepages", Takes::Nothing),
    flag('U', "-U", "udp-port", Takes::Value),
    flag('B', "-B", "protocol", Takes::Value),
    flag('W', "-W", "disable-watch", Takes::Nothing),
    flag('v', "-v", "verbose", Takes::Nothing),
    flag('S', "-S", "enable-sasl", Takes::Never("there is no SASL; give users with -Y FILE")),
    flag(
        'Z',
        "-Z",
        "enable-ssl",
        Takes::Never("there is no TLS; put a tunnel in front, or use a Unix socket"),
    ),
    flag('e', "-e", "memory-file", Takes::Never("items are kept in memory alone; leave it out")),
    flag('k', "-k", "lock-memory", Takes::Never("memory is not locked; leave it out")),
    flag('r', "-r", "enable-coredumps", Takes::Never("set the limit before: ulimit -c unlimited")),
    flag('N', "-N", "napi-ids", Takes::Never("threads are not chosen by network queues; leave it out")),
];

/// The flag with this letter.
pub(super) fn by_letter(letter: char) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.letter == letter)
}

/// The flag with this name behind two dashes.
pub(super) fn by_name(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.long == name)
}
