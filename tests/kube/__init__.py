"""The room `kube`: its pure half by itself, the rest against a real etcd and kube-apiserver."""
