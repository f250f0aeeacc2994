//! What a proxy shows to whoever measures it from outside.

use crate::client::Client;
use crate::world::{Beside, World, is_there, wait_for};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// The samples of a page, each by its name and labels as they stand there.
type Samples = BTreeMap<String, f64>;

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    body.to_owned()
}

/// Reads a page as the format's description says, and fails where it does not keep to it.
fn parse(page: &str) -> Samples {
    let (mut samples, mut families) = (Samples::new(), BTreeSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()), "{name} begins twice");
            assert!(help.ends_with('.') && name.starts_with("peercache_"), "{line}");
            (family, kind) = (name.to_owned(), String::new());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert_eq!((name, kind.as_str()), (family.as_str(), ""));
            assert!(["counter", "gauge", "histogram"].contains(&of), "{line}");
            assert_eq!(of == "counter", name.ends_with("_total"), "{line}");
            kind = of.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} in {family}");
            check_labels(&series[name.len()..]);
            assert!(
                samples.insert(series.to_owned(), value.parse().unwrap()).is_none(),
                "{line} stands twice"
            );
        }
    }
    samples
}

fn check_labels(labels: &str) {
    if labels.is_empty() {
        return;
    }
    let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
    for label in labels.split(',') {
        let (name, value) = label.split_once('=').unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{label}");
        assert!(value.len() > 1 && value.starts_with('"') && value.ends_with('"'), "{label}");
    }
}

#[test]
fn metrics_are_a_page_that_prometheus_reads_and_count_what_clients_did() {
    let world = World::new();
    world.good("up --detach --peers 2 --no-proxy");
    let proxy = Beside::start(&world, world.command("-o json proxy main --metrics 127.0.0.1:0"));
    wait_for("the proxy to listen", || proxy.out().ends_with("}\n"));
    let document: serde_json::Value = serde_json::from_str(&proxy.out()).unwrap();
    let metrics = document["metrics"].as_str().unwrap();
    let mut client = Client::connect(document["listen"][0].as_str().unwrap());
    for number in 0..10 {
        assert_eq!(client.set(&format!("k{number}"), "v").unwrap(), "STORED");
        assert_eq!(client.get(&format!("k{number}")).unwrap(), "v");
    }
    assert_eq!(client.get("none").unwrap(), "END");
    let samples = parse(&scrape(metrics));
    let of = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("no {series} in {samples:?}"));
    assert_eq!(of("peercache_get_hits_total{network=\"main\"}"), 10.0);
    assert_eq!(of("peercache_get_misses_total{network=\"main\"}"), 1.0);
    assert_eq!(of("peercache_sets_total{network=\"main\"}"), 10.0);
    assert_eq!(of("peercache_connections"), 1.0);
    assert_eq!(of("peercache_network_peers{network=\"main\"}"), 2.0);
    assert_eq!(of("peercache_peer_phase{network=\"main\",peer=\"p0\",phase=\"up\"}"), 1.0);
    assert_eq!(of("peercache_request_duration_seconds_count{network=\"main\"}"), 21.0);
    assert_eq!(of("peercache_request_duration_seconds_bucket{network=\"main\",le=\"+Inf\"}"), 21.0);
    assert!(of("peercache_process_resident_memory_bytes") > 1e6);
    let buckets: Vec<f64> = {
        let mut buckets: Vec<_> = samples.iter().filter(|(series, _)| series.contains("_bucket")).collect();
        let bound = |series: &str| -> f64 {
            series.split("le=\"").nth(1).unwrap().trim_end_matches("\"}").parse().unwrap()
        };
        buckets.sort_by(|a, b| bound(a.0).total_cmp(&bound(b.0)));
        buckets.into_iter().map(|(_, &count)| count).collect()
    };
    assert!(buckets.is_sorted(), "they are cumulative: {buckets:?}");

    let address = world.json("peer show p0")["address"].as_str().unwrap().to_owned();
    world.kill("p0");
    let series = "peercache_peer_phase{network=\"main\",peer=\"p0\",phase=\"down\"}";
    wait_for("the death to be seen", || {
        client.set("k", "v").unwrap();
        parse(&scrape(metrics))[series] == 1.0
    });
    let readable = format!("peercache_peer_readable{{network=\"main\",peer=\"p0\",address=\"{address}\"}}");
    assert_eq!(parse(&scrape(metrics))[&readable], 0.0, "it misses writes");
    assert!(proxy.err().contains("→ down"), "transitions are told: {}", proxy.err());
    world.good("down");
}

#[test]
fn up_shows_the_metrics_of_its_proxy_detached_or_not_by_flag_or_setting() {
    let world = World::new();
    let network_peers = |document: &serde_json::Value| {
        let page = scrape(document["proxy"]["metrics"].as_str().unwrap());
        parse(&page)["peercache_network_peers{network=\"main\"}"]
    };
    let flag = " --metrics 127.0.0.1:0";
    for (given, set) in [(flag, None), ("", Some("127.0.0.1:0"))] {
        let command = |args: &str| {
            let mut command = world.command(&format!("{args} up --peers 2{given}"));
            set.map(|set| command.env("PEERCACHE_METRICS", set));
            command
        };
        let mut up = Beside::start(&world, command("-o json"));
        wait_for("up to be ready", || up.out().ends_with("}\n"));
        assert_eq!(network_peers(&serde_json::from_str(&up.out()).unwrap()), 2.0);
        up.signal(Signal::INT);
        assert_eq!(up.end().code, 0);

        let out = command("-o json").arg("--detach").output().unwrap();
        assert_eq!(network_peers(&serde_json::from_slice(&out.stdout).unwrap()), 2.0);
        world.good("down");

        let mut up = Beside::start(&world, command(""));
        wait_for("up to be ready", || up.out().contains("Ctrl-C stops everything"));
        let out = up.out();
        let mut lines = out.lines();
        let url = lines.find_map(|line| line.strip_prefix("metrics are at http://")).unwrap();
        scrape(url.strip_suffix("/metrics").unwrap());
        up.signal(Signal::INT);
        assert_eq!(up.end().code, 0);
    }
}

#[test]
fn up_refuses_metrics_where_they_cannot_be_shown_before_it_starts_anything() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for how in ["", " --detach"] {
        let words = format!("{address} is in use by another program");
        let ran = world.bad(&format!("up --metrics {address}{how}"), &[&words]);
        assert!(ran.err.contains("hint: --metrics takes another address"), "{ran:?}");
        world.bad(&format!("up --metrics 0.0.0.0:0{how}"), &["0.0.0.0:0", "other machines"]);
    }
    let ran = world.run("up --no-proxy --metrics 127.0.0.1:0");
    assert_eq!((ran.code, ran.err.contains("cannot be used with")), (2, true), "{ran:?}");
    assert_eq!(world.daemons(), []);
    assert!(!is_there(world.state()));
}
