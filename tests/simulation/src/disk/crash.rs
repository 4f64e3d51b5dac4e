//! A loss of power: what of a file system is left.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{NodeId, ROOT};
use super::node::{Directory, Kind};
use super::tree::Tree;
use crate::chance::Chance;

impl Tree {
    /// Loses what need not be on the disk. Nothing is open afterwards.
    pub(super) fn crash(&mut self, chance: &Chance, is_ordered: bool) {
        self.journal.crash(chance, self.now);
        let links = self.restore_folders();
        self.nodes.retain(|node, _| links.contains_key(node));
        let nodes = &self.nodes;
        self.journal.retain(|folder| nodes.contains_key(&folder));
        let mut used = 0;
        for (id, node) in &mut self.nodes {
            (node.links, node.opens) = (links[id], 0);
            if let Kind::File(content) = &mut node.kind {
                let (octets, time) = content.after_crash(chance, is_ordered);
                let all = (node.modified, node.changed);
                let at = |time| (time, time);
                let is_whole = octets == content.octets();
                (node.modified, node.changed) = if is_whole { all } else { time.map_or(node.stable, at) };
                content.restore(octets);
                used += content.octets().len() as u64;
            }
            node.stable = (node.modified, node.changed);
        }
        self.used = used;
        self.renumber();
    }

    /// Gives the directories the names that they have on the disk. Returns everything that has a name, with the number
    /// of its links.
    fn restore_folders(&mut self) -> BTreeMap<NodeId, u64> {
        let mut links = BTreeMap::from([(ROOT, 2)]);
        let mut ahead = vec![(ROOT, ROOT)];
        while let Some((folder, above)) = ahead.pop() {
            let durable = self.journal.durable(folder);
            let mut directory = Directory::new(above);
            for (name, &id) in &durable.names {
                let is_folder = self.nodes.get(&id).is_some_and(|node| node.is_folder());
                // A directory that was moved may be found in both places.
                if is_folder && links.contains_key(&id) {
                    continue;
                }
                directory.set(name, Some(id));
                if is_folder {
                    links.insert(id, 2);
                    *links.entry(folder).or_default() += 1;
                    ahead.push((id, folder));
                } else {
                    *links.entry(id).or_default() += 1;
                }
            }
            if let Some(node) = self.nodes.get_mut(&folder) {
                node.kind = Kind::Folder(directory);
                let changed = (durable.time, durable.time);
                (node.modified, node.changed) = if durable.time == 0 { node.stable } else { changed };
            }
        }
        links
    }

    /// A file that comes back may have lost its number to another one.
    fn renumber(&mut self) {
        let mut numbers = BTreeSet::new();
        let twice: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| !numbers.insert(node.number)).map(|(&id, _)| id).collect();
        for id in twice {
            let number = self.fresh_number();
            if let Some(node) = self.nodes.get_mut(&id) {
                node.number = number;
            }
        }
        self.forget_free_numbers(&numbers);
    }
}
