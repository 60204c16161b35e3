set -eu
umask 022
if [ -d /etc/pki/ca-trust/source/anchors ]; then
  folder=/etc/pki/ca-trust/source/anchors update='update-ca-trust extract'
elif [ -d /etc/pki/trust/anchors ]; then
  folder=/etc/pki/trust/anchors update=update-ca-certificates
elif [ -d /etc/ca-certificates/trust-source/anchors ]; then
  folder=/etc/ca-certificates/trust-source/anchors update=update-ca-trust
elif command -v update-ca-certificates >/dev/null 2>&1; then
  folder=/usr/local/share/ca-certificates update=update-ca-certificates
  mkdir -p "$folder"
else
  echo 'irs: this image has no store of CA certificates: install the package ca-certificates in it' >&2
  exit 1
fi
