//! What goes wrong.

use core::time::Duration;

use super::World;
use crate::disk::{DiskFaults, End, Errno};
use crate::network::Weather;
use crate::{Chance, SimDisk};

impl World {
    /// Lets things go wrong until the chaos is over.
    pub(super) async fn go_wrong(&self) {
        while self.sim.clock().elapsed() < self.plan.chaos {
            let chance = self.sim.chance();
            let most = self.plan.chaos.as_millis() as usize / 12;
            self.sim.sleep(Duration::from_millis(1 + chance.below(most) as u64)).await;
            self.strike();
        }
    }

    fn strike(&self) {
        let (chance, nemesis) = (self.sim.chance(), self.plan.nemesis);
        if chance.per_mille(nemesis.kill_fetcher) {
            let victim = self.running().fetchers.values().next().cloned();
            if let Some((process, _)) = victim {
                self.sim.say(format_args!("nemesis: kills a fetcher"));
                process.kill();
            }
        }
        if chance.per_mille(nemesis.stop) {
            let stopped = self.running().fetchers.values().next_back().cloned();
            if let Some((_, stop)) = stopped {
                self.sim.say(format_args!("nemesis: stops a fetcher"));
                self.count(|totals| totals.runs_stopped += 1);
                stop.stop();
            }
        }
        if chance.per_mille(nemesis.kill_server) {
            let server = self.running().server.clone();
            if let Some(process) = server {
                self.sim.say(format_args!("nemesis: kills the server"));
                process.kill();
            }
        }
        if chance.per_mille(nemesis.crash_client) {
            self.crash(&self.client_disk, "client");
        }
        if chance.per_mille(nemesis.crash_server) {
            self.crash(&self.server_disk, "server");
        }
        if chance.per_mille(nemesis.client_faults) {
            self.set_faults(&self.client_disk, "client");
        }
        if chance.per_mille(nemesis.server_faults) {
            self.set_faults(&self.server_disk, "server");
        }
        if chance.per_mille(nemesis.network) {
            let weather = any_weather(chance);
            self.sim.say(format_args!("nemesis: {weather:?}"));
            self.network.set_weather(weather);
        }
        if chance.per_mille(nemesis.clock) {
            let seconds = *chance.pick(&[-86_400, -3_600, -1, 1, 3_600, 864_000]);
            self.sim.say(format_args!("nemesis: the clock jumps by {seconds} s"));
            self.count(|totals| totals.clock_jumps += 1);
            self.sim.clock().jump(seconds);
        }
    }

    fn crash(&self, disk: &SimDisk, whose: &str) {
        self.sim.say(format_args!("nemesis: the machine of the {whose} loses power"));
        self.count(|totals| totals.crashes += 1);
        disk.crash();
    }

    fn set_faults(&self, disk: &SimDisk, whose: &str) {
        let chance = self.sim.chance();
        let number = 1 + chance.below(400) as u64;
        // Only the client stores much.
        if whose == "client" && chance.per_mille(250) {
            let left = chance.below(20_000) as u64;
            self.sim.say(format_args!("nemesis: the client's disk has {left} octets left"));
            disk.set_capacity(Some(disk.used() + left));
        } else {
            disk.set_capacity(None);
        }
        let faults = match chance.below(6) {
            0 | 1 => DiskFaults::random(chance, 400),
            2 => DiskFaults::none().end_at(number, End::Kill),
            3 => DiskFaults::none().end_at(number, End::Crash),
            4 => DiskFaults::none().at_random(&[], 10, &[Errno::NOSPC, Errno::IO]),
            _ => DiskFaults::none(),
        };
        self.sim.say(format_args!("nemesis: faults of the {whose}'s disk: {faults:?}"));
        self.count(|totals| totals.disk_faults += 1);
        disk.set_faults(faults);
    }

    /// Ends all faults.
    pub(super) fn heal(&self) {
        self.network.set_weather(Weather::default());
        for disk in [&self.server_disk, &self.client_disk] {
            disk.set_faults(DiskFaults::none());
            disk.set_capacity(None);
        }
    }
}

fn any_weather(chance: &Chance) -> Weather {
    let rate = |most| if chance.per_mille(400) { 0 } else { chance.below(most) };
    Weather {
        lost_per_mille: rate(100),
        cut_per_mille: rate(400),
        frozen_per_mille: rate(100),
        slow_per_mille: rate(200),
        meddled_per_mille: rate(200),
    }
}
