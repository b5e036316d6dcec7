#!/usr/bin/env bash
# A real Kubernetes on this machine, for tests. Prints the path of an administrator's kubeconfig.
#
#   up.sh BIN_DIR DATA_DIR [--node]         control plane and kwok's fake nodes; with --node also one real node
#   up.sh kill|start DATA_DIR COMPONENT     for fault tests: SIGKILL a component, start it again as it was
#   up.sh stop DATA_DIR                     ends it all; only DATA_DIR is left
#
# BIN_DIR is what build.sh made. Components: etcd apiserver controllers scheduler kwok node.
# Each cluster has its own ports and networks, so several may run at once. Nothing listens beyond this machine.
# DATA_DIR holds a log and a pid per component, admin.kubeconfig (system:masters), operator.kubeconfig
# (user `operator`, no rights until bound) and audit.jsonl (every write: who, verb, object).
# --node needs root: see node.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

alive() { # component; neither a zombie nor a stranger with a reused pid has DATA_DIR in its command line
  [[ -f $data/$1.pid ]] && grep -qsaF "$data" "/proc/$(<"$data/$1.pid")/cmdline"
}
start() { # component: runs its .cmd in the background
  nohup bash "$data/$1.cmd" >>"$data/$1.log" 2>&1 &
  echo $! >"$data/$1.pid"
}
run() { # component, command...
  local name=$1; shift
  printf '%q ' exec "$@" >"$data/$name.cmd"
  start "$name"
}
slay() { # component
  alive "$1" || return 0
  kill -9 "$(<"$data/$1.pid")"
  while alive "$1"; do sleep 0.02; done
}
await() { # seconds, component, what, command...: until the command succeeds, or the component has died
  local left=$(($1 * 10)) name=$2 what=$3; shift 3
  until "$@" >/dev/null 2>&1; do
    if ((left-- == 0)) || ! alive "$name"; then
      echo "$name: $what did not come; the end of $data/$name.log:" >&2
      tail -n 20 "$data/$name.log" >&2
      exit 1
    fi
    sleep 0.1
  done
}
stop() {
  for name in kwok node scheduler controllers apiserver etcd; do slay "$name"; done
  [[ -f $data/n ]] || return 0
  local n; n=$(<"$data/n")
  ip link del "testbed$n" 2>/dev/null || true
  ip addr del "10.200.$n.1/32" dev lo 2>/dev/null || true
  for _ in $(seq 50); do # a cgroup stays busy until the last process in it is reaped
    find /sys/fs/cgroup -depth -type d \( -path "*/testbed$n" -o -path "*/testbed$n/*" \) -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  rm "$data/n" # from now on it may be another cluster's
}

case ${1:-} in
stop) data=$(cd "$2" && pwd); stop; exit ;;
kill) data=$(cd "$2" && pwd); slay "$3"; exit ;;
start) data=$(cd "$2" && pwd); start "$3"; exit ;;
esac

bin=$(cd "${1:?usage: see the head of up.sh}" && pwd); mkdir -p "$2"; data=$(cd "$2" && pwd)
alive etcd && { echo "a cluster runs in $data: up.sh stop it first" >&2; exit 1; }
trap stop EXIT; trap 'exit 1' INT TERM # no half cluster is left

port=${TESTBED_PORT:-} # three in a row, below the range the kernel hands out by itself
while [[ -z $port ]]; do
  port=$((20000 + RANDOM % 4000 * 3))
  for p in $port $((port + 1)) $((port + 2)); do (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && port=; done
done

# Addresses: host 10.200.N.1, node 10.200.N.2, pods 10.201.N.0/24, services 10.202.N.0/24; N is the first that is free.
# Without a node nothing is routed to a Service, and there may be 65,000 of them.
n=0 services=10.202.0.0/16 address=127.0.0.1 advertised=192.0.2.1 # a Service may not point to loopback; without a node nobody follows this one
if [[ ${3:-} == --node ]]; then
  until ip addr add "10.200.$n.1/32" dev lo 2>/dev/null; do ((++n < 250)) || { echo 'no right to add an address' >&2; exit 1; }; done
  echo "$n" >"$data/n"
  services=10.202.$n.0/24 address=10.200.$n.1 advertised=$address
fi

mkdir -p "$data/pki"
openssl genrsa -out "$data/pki/sa.key" 2048 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=testbed -keyout "$data/pki/apiserver.key" -out "$data/pki/apiserver.crt" \
  -addext "subjectAltName=IP:$address,IP:127.0.0.1,IP:10.202.$n.1,DNS:localhost,DNS:kubernetes.default.svc" 2>/dev/null
: >"$data/tokens.csv"
for user in admin operator; do
  token=$(openssl rand -hex 16) groups=; [[ $user == admin ]] && groups=,system:masters
  echo "$token,$user,$user$groups" >>"$data/tokens.csv"
  cat >"$data/$user.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://$address:$port", certificate-authority: $data/pki/apiserver.crt}}]
users: [{name: $user, user: {token: "$token"}}]
contexts: [{name: testbed, context: {cluster: testbed, user: $user}}]
current-context: testbed
Y
done
cat >"$data/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata, verbs: [create, update, patch, delete, deletecollection]}, {level: None}]
Y
kubectl() { "$bin/kubebox" kubectl --kubeconfig "$data/admin.kubeconfig" "$@"; }

etcd=http://127.0.0.1:$((port + 1)) peer=http://127.0.0.1:$((port + 2))
run etcd "$bin/kubebox" etcd --data-dir "$data/etcd" --unsafe-no-fsync --log-level error --listen-client-urls "$etcd" \
  --advertise-client-urls "$etcd" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
run apiserver "$bin/kubebox" apiserver --etcd-servers "$etcd" --bind-address "$address" --secure-port "$port" \
  --advertise-address "$advertised" --service-cluster-ip-range "$services" --allow-privileged \
  --tls-cert-file "$data/pki/apiserver.crt" --tls-private-key-file "$data/pki/apiserver.key" \
  --token-auth-file "$data/tokens.csv" --authorization-mode Node,RBAC \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$data/pki/sa.key" \
  --service-account-signing-key-file "$data/pki/sa.key" --audit-policy-file "$data/audit.yaml" --audit-log-path "$data/audit.jsonl" --audit-log-maxsize 4000 \
  --kubelet-preferred-address-types InternalIP --kubelet-client-certificate "$data/pki/apiserver.crt" --kubelet-client-key "$data/pki/apiserver.key"
await 120 apiserver /readyz kubectl get --raw /readyz
# the default rates (20 and 50 writes a second) would hold back a test with thousands of pods
run controllers "$bin/kubebox" controllers --kubeconfig "$data/admin.kubeconfig" --leader-elect=false --secure-port 0 \
  --service-account-private-key-file "$data/pki/sa.key" --root-ca-file "$data/pki/apiserver.crt" --use-service-account-credentials \
  --kube-api-qps 500 --kube-api-burst 1000
run scheduler "$bin/kubebox" scheduler --kubeconfig "$data/admin.kubeconfig" --leader-elect=false --secure-port 0 \
  --kube-api-qps 500 --kube-api-burst 1000
# kwok plays the kubelet of every node labelled type=kwok: its pods turn Ready and end by themselves
run kwok "$bin/kwok" --kubeconfig "$data/admin.kubeconfig" --manage-nodes-with-label-selector type=kwok \
  --node-lease-duration-seconds 40 --config "$bin/kwok-stages.yaml"
[[ ${3:-} == --node ]] && run node "$here/node.sh" "$bin" "$data" "$n"
await 90 controllers 'the default service account' kubectl get serviceaccount default # until then pods are refused
[[ ${3:-} == --node ]] && await 120 node 'a Ready node' kubectl wait --for=condition=Ready node/real-0 --timeout=0
trap - EXIT
echo "$data/admin.kubeconfig"
