//! irs on real hypervisors: each test brings one up in the lab and takes it down again.
//!
//! One program, so that the tests of all files share its two places. They are ignored unless asked for: `tests/run lab`.

mod access;
mod ansible_facts;
mod bare;
mod bridges;
mod changes;
mod cleanup;
mod concurrency;
mod customize;
mod drift;
mod faults;
mod faults_images;
mod first_boot;
mod fleet;
mod image_cache;
mod images;
mod interrupted;
mod inventory;
mod ironic;
mod killed;
mod lab;
mod main_road;
mod moved;
mod neighbours;
mod networks;
mod node_keys;
mod prefixes;
mod recipes;
mod refusals;
mod scale;
#[path = "../support/mod.rs"]
mod support;
mod switch;
mod uefi;
