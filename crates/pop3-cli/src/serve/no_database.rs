//! In place of databases, in a program without them.

use std::sync::Arc;

use pop3_serve::{DecoyKey, Maildrops, NameRule, ServerHandle, Users};

use super::fault::Fault;
use super::metric::Metric;
use crate::args::Serve;
use crate::args::store_url::StoreUrl;
use crate::exit::Failure;

/// There is none.
#[derive(Clone, Debug)]
pub(super) enum Database {}

impl Database {
    pub(super) fn open(_: &Serve, store: &StoreUrl) -> Result<Self, Vec<Fault>> {
        Err(without(store))
    }

    pub(super) fn check(_: &Serve, store: &StoreUrl) -> Result<(), Vec<Fault>> {
        Err(without(store))
    }

    pub(super) fn maildrops(&self) -> Arc<dyn Maildrops> {
        match *self {}
    }

    pub(super) fn users(&self, _: NameRule) -> Arc<dyn Users> {
        match *self {}
    }

    pub(super) fn decoy_key(&self) -> Arc<DecoyKey> {
        match *self {}
    }

    pub(super) fn is_ready(&self) -> bool {
        match *self {}
    }

    pub(super) fn metrics(&self) -> Vec<Metric> {
        match *self {}
    }

    pub(super) fn share_failures(&self, _: ServerHandle) {
        match *self {}
    }

    pub(super) fn leave(&self) {
        match *self {}
    }
}

fn without(store: &StoreUrl) -> Vec<Fault> {
    let text = format!("{store}: this program was built without databases");
    vec![Fault::new("store", Failure::usage(text))]
}
