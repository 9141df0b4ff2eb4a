//! A front with two engine hosts, and what happens to those.

use super::cell::Act;
use auricle_tests::{Host, Setup};
use std::fs;

const KEY: &str = "the key of the cluster in the fault matrix";

/// The engine hosts of a front.
pub(crate) struct EngineHosts {
    hosts: Vec<Host>,
    addresses: Vec<String>,
}

fn with_key(setup: Setup) -> Setup {
    fs::write(setup.path("configs/cluster.key"), KEY).unwrap();
    setup
}

impl EngineHosts {
    /// Starts both, and a front. `setup` has the engines, and gets further settings.
    pub(crate) fn start(setup: impl Fn(&str) -> Setup) -> (Host, Self) {
        let engine = || {
            let more = "\ndrain_seconds = 0.0\n[cluster]\nlisten = \"127.0.0.1:0\"\nkey = \"cluster.key\"\n";
            with_key(setup(more)).role("engine").start()
        };
        let hosts = vec![engine(), engine()];
        let addresses: Vec<_> = hosts.iter().map(|host| host.listener(1)).collect();
        let settings = format!("[cluster]\nengines = {addresses:?}\nkey = \"cluster.key\"\nsilence_seconds = 1.0\n");
        let front = with_key(Setup::new()).role("front").settings(&settings).start();
        for preset in ["faulty", "tone"] {
            front.wait_for(preset, || front.preset_report(preset).is_some());
        }
        front.wait_for("both engine hosts", || connected(&front) == 2);
        (front, Self { hosts, addresses })
    }

    /// Does the act while the stream with this id is open.
    pub(crate) fn begin(&mut self, act: Act, id: &str, front: &Host) {
        match act {
            Act::SignalEngineHost(name) => {
                let has = |host: &Host| host.json("/v1/streams").to_string().contains(id);
                let home = self.hosts.iter().position(has).unwrap();
                self.hosts[home].signal_all(name);
                front.wait_for("the front to notice", || connected(front) == 1);
            }
            Act::LoseEngineHosts => {
                for host in &mut self.hosts {
                    host.signal("KILL");
                    host.wait();
                }
                front.wait_for("the front to notice", || connected(front) == 0);
                let last = self.hosts.pop().unwrap();
                let settings = last.path("configs/auricle.toml");
                let text = fs::read_to_string(&settings).unwrap();
                fs::write(&settings, text.replace("127.0.0.1:0", &self.addresses[1])).unwrap();
                self.hosts.push(last.again());
                front.wait_for("the front to notice", || connected(front) == 1);
            }
            _ => {}
        }
    }
}

fn connected(front: &Host) -> usize {
    let status = front.json("/v1/status");
    status["engine_hosts"].as_array().unwrap().iter().filter(|host| host["connected"] == true).count()
}
