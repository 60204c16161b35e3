# A login for commands alone, and sudo, may leave out the proxies that this machine has for everybody.
for name in http_proxy https_proxy all_proxy no_proxy; do
  eval "value=\${$name:-}"
  [ -z "$value" ] || continue
  value=$(sed -n "s/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$name=//Ip" /etc/environment 2>/dev/null | tail -n 1 | tr -d "\"' \t\r") || value=
  [ -z "$value" ] || export "$name=$value"
done
