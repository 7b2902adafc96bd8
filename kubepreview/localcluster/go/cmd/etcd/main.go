// Command etcd is the unmodified upstream program, under its own name: the upstream command's
// package is called server.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
