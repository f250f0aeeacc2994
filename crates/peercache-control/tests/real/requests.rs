//! Reading and writing while all is well, or while nobody is there.

use crate::daemon::{Fleet, patient};
use peercache_client::{ReadError, SetOptions, Ttl, WriteError};
use peercache_core::protocol::Refusal;
use peercache_core::spec::{OnDown, Policy, ReadPolicy};
use std::collections::BTreeMap;

#[tokio::test]
async fn p14_a_write_is_on_every_replica_and_nowhere_else() {
    let fleet = Fleet::start_with(4, 2, patient()).await;
    for n in 0..200 {
        let key = format!("key-{n}");
        let written = fleet.client.set(key.as_bytes(), b"value", SetOptions::default()).await.unwrap();
        let expected: Vec<_> = fleet.replicas(&key).iter().map(|peer| format!("p{peer}")).collect();
        let confirmed: Vec<_> = written.confirmed.iter().map(ToString::to_string).collect();
        assert_eq!(confirmed, expected);
        assert!(written.missed.is_empty());
        let copies = fleet.client.inspect(key.as_bytes()).await.unwrap();
        assert_eq!(copies.len(), 2);
        assert!(copies.iter().all(|copy| matches!(copy.item, Ok(Some(_)))), "{copies:?}");
    }
    let mut items = 0;
    for peer in fleet.client.topology().peers() {
        let stats = fleet.client.stats(&peer.spec.id).await.unwrap();
        let (_, count) = stats.into_iter().find(|(name, _)| name == "curr_items").unwrap();
        items += count.parse::<u32>().unwrap();
    }
    assert_eq!(items, 400, "200 keys, two copies each");
}

#[tokio::test]
async fn values_and_flags_come_back_as_they_were() {
    let fleet = Fleet::start_with(2, 2, patient()).await;
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (key, data, flags) in
        [("empty", &b""[..], 0), ("lines", b"END\r\nSTORED\r\n", 7), ("big", &binary, u32::MAX)]
    {
        let options = SetOptions { flags, ttl: Ttl::Seconds(100) };
        fleet.client.set(key.as_bytes(), data, options).await.unwrap();
        let value = fleet.client.get(key.as_bytes()).await.unwrap().unwrap();
        assert_eq!((&value.data[..], value.flags), (data, flags));
        let copies = fleet.client.inspect(key.as_bytes()).await.unwrap();
        for copy in copies {
            let left = copy.item.unwrap().unwrap().expires_in_s.unwrap();
            assert!((95..=100).contains(&left), "{left}");
        }
    }
}

#[tokio::test]
async fn a_life_of_no_seconds_is_over_at_once() {
    let fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions { flags: 0, ttl: Ttl::Seconds(0) }).await.unwrap();
    assert_eq!(fleet.client.get(b"k").await.unwrap(), None);
}

#[tokio::test]
async fn the_longest_life_is_long() {
    let fleet = Fleet::start_with(2, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions { flags: 0, ttl: Ttl::Seconds(u32::MAX) }).await.unwrap();
    assert!(fleet.client.get(b"k").await.unwrap().is_some());
}

#[tokio::test]
async fn deletes_tell_whether_anything_was_there() {
    let fleet = Fleet::start_with(3, 2, patient()).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    assert!(fleet.client.delete(b"k").await.unwrap().existed);
    assert!(!fleet.client.delete(b"k").await.unwrap().existed);
    assert_eq!(fleet.client.get(b"k").await.unwrap(), None);
}

#[tokio::test]
async fn p20_many_keys_are_read_with_few_requests_in_order() {
    let fleet = Fleet::start_with(4, 2, patient()).await;
    let names: Vec<String> = (0..1000).map(|n| format!("key-{n}")).collect();
    for name in names.iter().step_by(2) {
        fleet.client.set(name.as_bytes(), name.as_bytes(), SetOptions::default()).await.unwrap();
    }
    let mut keys: Vec<&[u8]> = names.iter().map(std::string::String::as_bytes).collect();
    keys.push(b"key-0");
    let values = fleet.client.get_many(&keys).await.unwrap();
    assert_eq!(values.len(), keys.len());
    for (n, (key, value)) in keys.iter().zip(&values).enumerate() {
        let expected = (n % 2 == 0).then_some(&key[..]);
        assert_eq!(value.as_ref().map(|value| &value.data[..]), expected, "key {n}");
    }
}

#[tokio::test]
async fn p20_a_client_spreads_its_reads_where_that_is_wanted() {
    let fleet = Fleet::start_with(3, 2, Policy { read: ReadPolicy::Spread, ..patient() }).await;
    fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap();
    let mut served = BTreeMap::new();
    for _ in 0..50 {
        let value = fleet.client.get(b"k").await.unwrap().unwrap();
        let of_many = fleet.client.get_many(&[b"k", b"other"]).await.unwrap().swap_remove(0).unwrap();
        for value in [value, of_many] {
            *served.entry(value.from).or_insert(0) += 1;
        }
    }
    let copies = fleet.client.inspect(b"k").await.unwrap();
    assert_eq!(copies.len(), 2);
    for copy in copies {
        assert!(copy.serves && (40..=60).contains(&served[&copy.peer]), "{served:?}");
    }
}

#[tokio::test]
async fn p13_a_refusal_is_the_answer_and_takes_the_old_value_away() {
    let fleet = Fleet::start_with(3, 2, patient()).await;
    fleet.client.set(b"k", b"old", SetOptions::default()).await.unwrap();
    // memcached's item limit of 1 MiB counts key and header, so a value of exactly 1 MiB is too large for it.
    let error = fleet.client.set(b"k", &vec![b'x'; 1 << 20], SetOptions::default()).await.unwrap_err();
    assert!(matches!(error, WriteError::Refused { refusal: Refusal::TooLarge, .. }), "{error}");
    for copy in fleet.client.inspect(b"k").await.unwrap() {
        assert_eq!(copy.item.unwrap(), None, "the old value must not outlive the write that failed");
        assert!(copy.readable, "a refusal is no failure of the peer");
    }
}

#[tokio::test]
async fn p21_without_a_readable_replica_the_error_names_each_and_its_trouble() {
    let mut fleet = Fleet::start(2, 2).await;
    fleet.daemons.iter_mut().for_each(super::daemon::Daemon::kill);
    let error = fleet.client.get(b"k").await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable { .. }), "{error}");
    let words = error.to_string();
    for daemon in &fleet.daemons {
        assert!(words.contains(&daemon.address.to_string()), "{words}");
    }
    assert!(words.contains("p0") && words.contains("p1") && words.contains("refused"), "{words}");
    let error = fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap_err();
    assert!(matches!(error, WriteError::Unavailable { .. }), "nothing was sent, which is certain: {error}");
}

#[tokio::test]
async fn p21_on_down_miss_answers_a_miss() {
    let policy = Policy { on_down: OnDown::Miss, ..Policy::default() };
    let mut fleet = Fleet::start_with(2, 2, policy).await;
    fleet.daemons.iter_mut().for_each(super::daemon::Daemon::kill);
    assert_eq!(fleet.client.get(b"k").await.unwrap(), None);
    assert!(fleet.client.set(b"k", b"v", SetOptions::default()).await.is_err(), "but no write is made up");
}

#[tokio::test]
async fn p21_an_empty_network_says_so() {
    let fleet = Fleet::start(0, 2).await;
    assert_eq!(fleet.client.get(b"k").await.unwrap_err().to_string(), "No peers available.");
    let error = fleet.client.set(b"k", b"v", SetOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "No peers available.");
}
