//! What the program says before it asks any host, as a terminal shows it.

#![allow(clippy::unwrap_used)]

#[path = "support/terminal.rs"]
#[allow(dead_code)]
mod terminal;

use terminal::irs;

#[test]
fn the_help_is_on_stdout() {
    insta::assert_snapshot!(irs("--help"), @r#"
    ── stdout
    Bring libvirt hypervisors to the state that a YAML topology describes, over SSH.

    Does the job of 'infrared virsh': networks, images and virtual machines of a test environment are
    made on a hypervisor, and an Ansible inventory and an ssh config are written with which every node
    answers.

    Usage: irs [OPTIONS] <COMMAND>

    Commands:
      virsh       Make, extend or remove an environment on a hypervisor
      status      Show an environment as it is: host, networks with leases, nodes, and what is not as
                  irs made it
      list        List the environments on a hypervisor: who made them, when, and what irs does not own
      inventory   Print an environment's Ansible inventory, in any of its forms; bring back a lost
                  workspace
      workspace   Make, choose, list, move and delete workspaces: where inventories, ssh configs and
                  keys are kept
      ssh         Log in to a node, or run a command there, by ssh
      scp         Copy files from and to nodes, by scp
      console     Show a node's serial console, and type there
      forward     Make ports of nodes ports of this machine
      vnc         Make a node's screen (VNC) a port of this machine
      power       Switch nodes on, off, off and on, or press their reset button
      ansible     Run ansible-playbook with the environment's inventory
      ssh-config  Print the environment's ssh configuration, or let plain ssh know its nodes
      cleanup     Remove the environments that nobody has changed for a time: what dead CI jobs left
      hypervisor  Check what a server must have to be a hypervisor, or make it one
      image       Look after the base images on a hypervisor: list, bring, remove and verify them
      topology    Look at topologies: list, show, check, render and draw them; needs no hypervisor
      doctor      Check this machine: libraries, ssh, keys, workspaces, and the way to the hypervisors
      completion  Print the script by which a shell completes the words of irs: commands, flags, node
                  types, nodes
      man         Print a manual page, or write them all into a folder
      help        Print this message or the help of the given subcommand(s)

    Options:
          --format <FORMAT>
              How results are printed on stdout; progress and errors go to stderr

              Possible values:
              - human: Text
              - json:  One JSON object
              
              [env: IRS_FORMAT=]
              [default: human]

      -v, --verbose...
              Tell more: -v what is done, -vv every remote command
              
              [env: IRS_VERBOSE=]

      -q, --quiet
              Tell less: only warnings, errors and the result. The log in the workspace has everything
              all the same
              
              [env: IRS_QUIET=]

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ── exit 0
    "#);
}

#[test]
fn without_a_command_the_help_is_on_stderr() {
    insta::assert_snapshot!(irs("--format json"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "see '--help'",
        "message": "no command is given"
      }
    }
    ── stderr
    error: 'irs' requires a subcommand but one was not provided
      [subcommands: virsh, status, list, inventory, workspace, ssh, scp, console, forward, vnc, power, ansible, ssh-config, cleanup, hypervisor, image, topology, doctor, completion, man, help]

    Usage: irs [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ── exit 2
    "#);
}

#[test]
fn missing_nodes() {
    insta::assert_snapshot!(irs("virsh"), @r#"
    ── stderr
    error: --topology-nodes is missing: which nodes shall there be?
    hint: see what would be made, and touch nothing:
      irs virsh --topology-nodes undercloud:1,controller:1,compute:1 --dry-run
    make it:
      irs virsh --topology-nodes undercloud:1,controller:1,compute:1
    later add a node, take one away, or all of it:
      irs virsh --topology-nodes compute:1 --topology-extend
      irs virsh --remove-nodes compute-1
      irs virsh --kill
    'irs topology list' shows the node types, 'irs virsh --help' all flags
    ── exit 2
    "#);
    let said = irs("virsh --host-address 'root@hv 7' --prefix lab1");
    let example = "\n  irs virsh --host-address 'root@hv 7' --prefix lab1 --topology-nodes compute:1 --topology-extend\n";
    assert!(said.contains(example), "{said}");
}

#[test]
fn quiet_and_verbose_do_not_go_together() {
    let said = irs("virsh -q -v --topology-nodes contoller:1");
    assert!(
        said.contains("cannot be used with") && said.contains("exit 2"),
        "{said}"
    );
}

#[test]
fn booleans_are_checked() {
    insta::assert_snapshot!(irs("virsh --topology-nodes controller:1 --dry-run=maybe"), @r#"
    ── stderr
    error: invalid value 'maybe' for '--dry-run [<BOOL>]'
      [possible values: yes, no]

    For more information, try '--help'.
    ── exit 2
    "#);
}

#[test]
fn an_unknown_type_is_corrected() {
    insta::assert_snapshot!(irs("virsh --topology-nodes contoller:3"), @r#"
    ── stderr
    error: --topology-nodes: the node type 'contoller' is not known
    hint: did you mean 'controller'?
    ── exit 2
    "#);
}

#[test]
fn a_bad_prefix_is_refused() {
    insta::assert_snapshot!(irs("virsh --topology-nodes controller:1 --prefix 'lab 1'"), @r#"
    ── stderr
    error: --prefix 'lab 1' cannot be used: ' ' is not allowed: use letters, digits and hyphens
    hint: e.g. --prefix lab1
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --topology-nodes controller:1 --prefix default"), @r#"
    ── stderr
    error: --prefix 'default' cannot be used: 'default' is the name of the deployment without a prefix
    hint: e.g. --prefix lab1
    ── exit 2
    "#);
}

#[test]
fn all_faults_are_told_at_once() {
    insta::assert_snapshot!(irs("virsh --topology-nodes undercloud:1,contoller:x --topology-username Root --disk-pool images --pool-name irs-a"), @r#"
    ── stderr
    error: 4 problems in the input
    --disk-pool 'images' cannot be used
      hint: it takes an absolute path of letters, digits and . _ - +, e.g. /var/lib/libvirt/images
    --pool-name 'irs-a' cannot be used
      hint: it takes letters, digits and . _ - +; names that begin with 'irs-' are irs's own
    --topology-username "Root" is no name of a Linux user
      hint: it takes small letters, digits, _ and -, at most 32
    --topology-nodes:1:14: 'x' in 'contoller:x' is not a number of nodes
      hint: write type:count, as in controller:3
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --topology-nodes contoller:1,computee:2 --topology-network 3_netz --prefix 'lab 1'"), @r#"
    ── stderr
    error: 4 problems in the input
    --prefix 'lab 1' cannot be used: ' ' is not allowed: use letters, digits and hyphens
      hint: e.g. --prefix lab1
    --topology-network: the topology network '3_netz' is not known
      hint: did you mean '3_nets'?
    --topology-nodes: the node type 'contoller' is not known
      hint: did you mean 'controller'?
    --topology-nodes: the node type 'computee' is not known
      hint: did you mean 'compute'?
    ── exit 2
    "#);
}

#[test]
fn an_override_that_meets_nothing_is_refused() {
    insta::assert_snapshot!(irs("virsh --topology-nodes controller:1 -e override.controller.memroy=4096"), @r#"
    ── stderr
    error: -e override.controller.memroy: the key 'memroy' of node 'controller' is not known
    hint: did you mean 'memory'?
    ── exit 2
    "#);
}

#[test]
fn cleanup_of_everything_names_its_host() {
    insta::assert_snapshot!(irs("virsh --cleanup --yes"), @r#"
    ── stderr
    error: --cleanup without --prefix removes everything on a hypervisor: --host-address must be said
    hint: --host-address local is this machine; --cleanup --prefix NAME removes one environment
    ── exit 2
    "#);
}

#[test]
fn an_age_has_a_unit_and_is_not_negative() {
    for age in ["24", "-1h", "tomorrow", "''"] {
        let said = irs(&format!("cleanup --older-than {age} --host-address hv1 --yes"));
        let hint = "for '--older-than <DURATION>': it takes a duration with its unit: 24h, 90m, 7d, 1d12h";
        assert!(said.contains(hint) && said.contains("── exit 2"), "{said}");
    }
}

#[test]
fn what_does_not_answer_is_not_said_to_be_empty() {
    // Nothing listens on port 1.
    let said = irs("cleanup --older-than 24h --host-address 127.0.0.1:1 --yes");
    assert!(
        !said.contains("── stdout") && said.contains("error: no answer from '127.0.0.1:1'"),
        "{said}"
    );
    assert!(said.contains("── exit 3"), "{said}");
}

#[test]
fn what_does_not_go_together() {
    insta::assert_snapshot!(irs("virsh --kill --cleanup"), @r#"
    ── stderr
    error: --cleanup and --kill do not go together
    hint: use one of them
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --kill --topology-nodes compute:1"), @r#"
    ── stderr
    error: --kill and --topology-nodes do not go together
    hint: remove first, then make
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --remove-nodes compute-0 --topology-nodes compute:1"), @r#"
    ── stderr
    error: --remove-nodes and --topology-nodes do not go together
    hint: remove first, then make
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --kill --restart"), @r#"
    ── stderr
    error: --kill and --restart do not go together
    hint: a removal restarts nothing: --restart goes with --topology-nodes
    ── exit 2
    "#);
}

#[test]
fn one_of_several_hypervisors_that_is_not_there_is_named() {
    let said = irs("virsh --topology-nodes compute:2 --host-address hv1.invalid,hv2.invalid");
    let first = "error: 'hv1.invalid' fails, and so nothing was changed on any hypervisor";
    assert!(said.contains(first), "{said}");
    assert!(
        said.contains("--keep-going works on the others") && said.contains("exit 3"),
        "{said}"
    );
    let said = irs("virsh --topology-nodes compute:2 --host-address hv1,hv2 --placement best");
    assert!(
        said.contains("possible values: round-robin, memory") && said.contains("exit 2"),
        "{said}"
    );
}

#[test]
fn an_image_of_the_mirror_needs_the_mirror() {
    let none = "built-in:nodes/vqfx.yml:16:21: the variable 'provision.image.mirror.url' is not defined\nhint: give it with --image-mirror-url URL";
    let said = irs("virsh --topology-nodes vqfx:1");
    assert!(said.contains(none), "{said}");
    let said = irs("virsh --topology-nodes vqfx:1 --image-mirror-url mirror/x");
    assert!(!said.contains(none), "{said}");
    let no_url = "--image-mirror-url 'mirror/x' is no http:// or https:// URL";
    assert!(said.contains(no_url), "{said}");
}

#[test]
fn errors_are_objects_with_json() {
    insta::assert_snapshot!(irs("--format json virsh --topology-nodes contoller:3"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "did you mean 'controller'?",
        "message": "--topology-nodes: the node type 'contoller' is not known",
        "problems": [
          {
            "column": null,
            "file": "--topology-nodes",
            "hint": "did you mean 'controller'?",
            "line": null,
            "message": "the node type 'contoller' is not known"
          }
        ]
      }
    }
    ── stderr
    error: --topology-nodes: the node type 'contoller' is not known
    hint: did you mean 'controller'?
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("virsh --format=json --start some"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "see '--help'",
        "message": "invalid value 'some' for '--start <WHICH>' [possible values: all, os, none]"
      }
    }
    ── stderr
    error: invalid value 'some' for '--start <WHICH>'
      [possible values: all, os, none]

    For more information, try '--help'.
    ── exit 2
    "#);
}

#[test]
fn the_flags_of_virsh() {
    insta::assert_snapshot!(irs("virsh --help"));
}

#[test]
fn the_version_is_on_stdout() {
    let version = format!("── stdout\nirs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(irs("-V"), format!("{version}── exit 0\n"));
    let long = irs("--version");
    assert!(
        long.starts_with(&version) && long.ends_with("── exit 0\n"),
        "{long}"
    );
    let libvirt = long.lines().find_map(|line| line.strip_prefix("libvirt: "));
    assert!(
        libvirt.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())),
        "{long}"
    );
    if let Some(commit) = option_env!("IRS_COMMIT") {
        assert!(long.contains(&format!("\ncommit: {commit}\n")), "{long}");
    }
}
