//! Node files of one `name`.

use super::Files;
use crate::support::Lab;

const SMALL: &str =
    "{name: web, cpu: 1, memory: 64, deploy_os: no, groups: [small], disks: {disk1: {size: 20M}}}";
const LARGE: &str =
    "{name: web, cpu: 2, memory: 96, deploy_os: no, groups: [large], disks: {disk1: {size: 10M}}}";

/// They share the numbers, and each node stays what its file made it.
pub fn files_of_one_name(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/small.yml", SMALL);
    files.write("nodes/large.yml", LARGE);
    files.run(lab, "small:1,large:1", &[]).ok();
    for nodes in ["small:1,large:1", "large:1,small:1", "small:1", "large:1"] {
        files.settled(lab, nodes, &[]);
    }
    files.run(lab, "large:1", &["--topology-extend"]).ok();
    files.run(lab, "small:2", &[]).ok();
    files.settled(lab, "large:2,small:2", &[]);
    lab.virsh(&["--remove-nodes", "web-1"]).ok();
    files.run(lab, "small:3", &[]).ok();
    let memory = |node: &str| lab.domain(node).text("memory");
    let kib = ["web-0", "web-1", "web-2", "web-3"].map(memory);
    assert_eq!(kib, ["65536", "65536", "98304", "65536"]);
    let inventory = lab.inventory("default");
    assert_eq!(inventory["small"], ["web-0", "web-1", "web-3"]);
    assert_eq!(inventory["large"], ["web-2"]);
    lab.virsh(&["--remove-nodes", "web-0,web-1,web-2,web-3"]).ok();
}
