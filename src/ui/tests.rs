use super::*;
use crate::error::{Exit, Fault};
use std::io;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn captured(format: Format, work: impl FnOnce(&Ui)) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    work(&Ui::plain(format, Box::new(out.clone()), Box::new(err.clone())));
    (out.text(), err.text())
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let (out, err) = captured(Format::Human, |ui| {
        let step = ui.step(2, "create the networks");
        step.set("a-data");
        step.done("3 created");
        ui.step(3, "download the base image").done("");
        ui.step(4, "make the disks").failed();
        drop(ui.step(5, "define"));
        ui.warn("slow: no KVM");
        ui.note("2 nodes");
        ui.result("ssh -F x undercloud-0\n");
    });
    assert_eq!(out, "ssh -F x undercloud-0\n");
    insta::assert_snapshot!(err.replace("0.1 s", "0.0 s"), @r"
    step 2/6 create the networks: done in 0.0 s (3 created)
    step 3/6 download the base image: done in 0.0 s
    step 4/6 make the disks: failed after 0.0 s
    warning: slow: no KVM
    2 nodes
    ");
}

#[test]
fn a_nodes_reason_is_said_when_it_changes_and_not_too_often() {
    let (_, err) = captured(Format::Human, |ui| {
        let node = ui.node("compute-0");
        node.set("waiting for ssh: no DHCP request yet");
        node.set("waiting for ssh: no DHCP request yet");
        node.set("waiting for ssh: port 22 is closed");
        node.done("ready at 172.16.0.2");
        ui.node("compute-1").failed("paused");
    });
    assert_eq!(
        err,
        "compute-0: waiting for ssh: no DHCP request yet\ncompute-0: ready at 172.16.0.2\ncompute-1: paused\n"
    );
}

#[test]
fn text_from_elsewhere_cannot_steer_the_terminal() {
    let (_, err) = captured(Format::Human, |ui| {
        ui.node("n").failed("a\x1b[2Jb\r\nc\u{9b}1m");
        ui.warn("one\ntwo\x07");
    });
    assert_eq!(err, "n: a [2Jb  c 1m\nwarning: one\ntwo\n");
}

#[test]
fn json_is_alone_on_stdout() {
    let (out, err) = captured(Format::Json, |ui| {
        ui.step(1, "check the host").done("");
        ui.result("not shown");
        ui.json(&serde_json::json!({ "changes": [] })).unwrap();
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&out).unwrap(),
        serde_json::json!({ "changes": [] })
    );
    assert!(err.starts_with("step 1/6 check the host: done in "), "{err}");
    let (out, _) = captured(Format::Human, |ui| ui.json(&1).unwrap());
    assert_eq!(out, "");
}

#[test]
fn an_error_is_text_on_stderr_and_an_object_on_stdout() {
    let error = Fault::new(Exit::Usage, "node type 'x' is not known")
        .hint("see the list")
        .into();
    let (out, err) = captured(Format::Json, |ui| ui.error(&Report::of(&error)));
    assert_eq!(err, "error: node type 'x' is not known\nhint: see the list\n");
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(out["error"]["exit_code"], 2);
    assert_eq!(out["error"]["causes"], serde_json::json!([]));
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let ui = Ui::plain(Format::Human, Box::new(Gone), Box::new(Gone));
    ui.result("x");
    ui.note("y");
    ui.transfer("base image", None).done();
}

#[test]
fn what_the_code_tells_goes_to_stderr_as_far_as_it_is_asked_for() {
    use tracing_subscriber::layer::SubscriberExt;
    for (verbose, expected) in [
        (0, "warning: old key\n"),
        (1, "info: hv1: create network 'a'\nwarning: old key\n"),
        (
            2,
            "info: hv1: create network 'a'\nwarning: old key\ndebug: ls (status 0)\n",
        ),
    ] {
        let (_, err) = captured(Format::Human, |ui| {
            let layer = log::Events::new(ui, verbose);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                tracing::info!(host = "hv1", "create network 'a'");
                tracing::warn!("old key");
                tracing::debug!(status = 0, "ls");
                tracing::error!(target: "other", "of a library");
            });
        });
        assert_eq!(err, expected);
    }
}

#[test]
fn the_quiet_show_warnings_errors_and_results() {
    let (out, err) = (Buffer::default(), Buffer::default());
    let ui = Ui::over(
        Format::Human,
        None,
        false,
        true,
        Box::new(out.clone()),
        Box::new(err.clone()),
    );
    ui.step(1, "check the host").done("");
    let node = ui.node("compute-0");
    node.set("booting");
    node.done("ready");
    ui.note("a remark");
    ui.warn("slow");
    ui.result("2 changes");
    ui.error(&Report::of(&Fault::new(Exit::Failed, "it failed").into()));
    assert_eq!(out.text(), "2 changes\n");
    assert_eq!(err.text(), "warning: slow\nerror: it failed\n");
}

#[test]
fn the_words_of_an_error_have_colours_where_there_are_some() {
    let (out, err) = (Buffer::default(), Buffer::default());
    let ui = Ui::over(
        Format::Human,
        None,
        true,
        false,
        Box::new(out),
        Box::new(err.clone()),
    );
    ui.error(&Report::of(
        &Fault::new(Exit::Failed, "a hint: of b").hint("try").into(),
    ));
    assert_eq!(
        err.text(),
        "\x1b[1;31merror:\x1b[0m a hint: of b\n\x1b[36mhint:\x1b[0m try\n"
    );
}

#[test]
fn a_transfer_ends_with_its_size() {
    let (_, err) = captured(Format::Human, |ui| {
        let transfer = ui.transfer("base image", Some(4 << 20));
        transfer.resume(1 << 20);
        transfer.inc(3 << 20);
        transfer.done();
    });
    assert!(
        err.starts_with("base image: 4.00 MiB in ") && err.ends_with("/s)\n"),
        "{err}"
    );
}
