//! A program that uses a network: `peercache up` in one shell, `cargo run --example client` in another.
//!
//! Its arguments are the addresses of the peers; without any it takes the four that `up` starts.

use peercache::spec::{EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight};
use peercache::{Client, SetOptions, Ttl};
use std::error::Error;
use std::net::SocketAddr;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut addresses: Vec<SocketAddr> =
        std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        addresses = (12000..12004).map(|port| ([127, 0, 0, 1], port).into()).collect();
    }
    let client = Client::open(&network(&addresses)?)?;

    let options = SetOptions { ttl: Ttl::Seconds(60), ..SetOptions::default() };
    let written = client.set(b"greeting", b"hello", options).await?;
    println!("stored on {:?}", written.confirmed);

    if let Some(value) = client.get(b"greeting").await? {
        println!("{} says {}", value.from, String::from_utf8_lossy(&value.data));
    }
    let many = client.get_many(&[b"greeting", b"nothing"]).await?;
    println!("{} of {} keys exist", many.iter().flatten().count(), many.len());

    let deleted = client.delete(b"greeting").await?;
    println!("deleted: {}", deleted.existed);
    Ok(())
}

/// Two copies of every key on peers `p0`, `p1`, …: as `peercache up` places them.
fn network(addresses: &[SocketAddr]) -> Result<NetworkSpec, Box<dyn Error>> {
    let mut peers = Vec::new();
    for (n, &address) in addresses.iter().enumerate() {
        let id = format!("p{n}").parse()?;
        peers.push(PeerSpec {
            id,
            address,
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        });
    }
    Ok(NetworkSpec {
        name: "main".parse()?,
        peers,
        replication: Replication::new(2)?,
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        policy: Policy::default(),
    })
}
