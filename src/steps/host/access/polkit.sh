# How polkit is told that a user may manage libvirt: `rule` is the file, empty where there is no polkit.
find_polkit() {
  rule=
  case $(pkaction --version 2>/dev/null) in
  *' 0.9'* | *' 0.10'[0-5]*) rule=/etc/polkit-1/localauthority/50-local.d/50-irs-$1.pkla ;;
  *' '*) rule=/etc/polkit-1/rules.d/50-irs-$1.rules ;;
  *) [ ! -d /usr/share/polkit-1/rules.d ] || rule=/etc/polkit-1/rules.d/50-irs-$1.rules ;;
  esac
}
rule_text() {
  case $rule in
  *.pkla)
    cat <<EOF
# Made by irs: Ironic powers nodes as this user.
[$1 manages libvirt]
Identity=unix-user:$1
Action=org.libvirt.unix.manage
ResultAny=yes
ResultInactive=yes
ResultActive=yes
EOF
    ;;
  *)
    cat <<EOF
// Made by irs: Ironic powers nodes as this user.
polkit.addRule(function(action, subject) {
    if (action.id == "org.libvirt.unix.manage" && subject.user == "$1") {
        return polkit.Result.YES;
    }
});
EOF
    ;;
  esac
}
# The group that a user must be in to reach libvirt's socket; nothing where everybody may knock.
socket_group() {
  for socket in /run/libvirt/libvirt-sock /run/libvirt/virtqemud-sock; do
    [ -S "$socket" ] || continue
    case $(stat -Lc %a "$socket") in *[2367]) return ;; esac
    stat -Lc %G "$socket"
    return
  done
}
