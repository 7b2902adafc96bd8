// Command kube-router is the network policy controller of kube-router, with its flags and its health
// port, and without its BGP router and service proxy: a node of one machine has no use for them, and
// they need another generation of packages than the rest of the node does.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/spf13/pflag"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	config := options.NewKubeRouterConfig()
	config.AddFlags(pflag.CommandLine)
	klog.InitFlags(nil)
	pflag.Parse()
	err := flag.Set("v", config.VLevel)
	if err == nil {
		err = run(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kube-router:", err)
		os.Exit(1)
	}
}

func run(config *options.KubeRouterConfig) error {
	connection, err := clientcmd.BuildConfigFromFlags(config.Master, config.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(connection)
	if err != nil {
		return fmt.Errorf("making the client: %w", err)
	}
	health, err := healthcheck.NewHealthController(config)
	if err != nil {
		return fmt.Errorf("making the health endpoint: %w", err)
	}

	stop := make(chan struct{})
	beats := make(chan *healthcheck.ControllerHeartbeat, 10)
	var running sync.WaitGroup
	running.Add(1)
	go health.RunServer(stop, &running)

	controller, err := newController(client, config, stop)
	if err != nil {
		return err
	}
	health.SetAlive()
	running.Add(2)
	go health.RunCheck(beats, stop, &running)
	go controller.Run(beats, stop, &running)

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	close(stop)
	running.Wait()
	return nil
}

// newController returns the controller once it knows every pod, namespace and policy: before that,
// its first sync would open what it should close.
func newController(
	client kubernetes.Interface, config *options.KubeRouterConfig, stop <-chan struct{},
) (*netpol.NetworkPolicyController, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	if err := waitForSync(factory, config.CacheSyncTimeout); err != nil {
		return nil, err
	}

	iptables, ipsets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return nil, fmt.Errorf("finding iptables and ipset: %w", err)
	}
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, new(sync.Mutex), iptables, ipsets)
	if err != nil {
		return nil, fmt.Errorf("making the network policy controller: %w", err)
	}
	_, err = pods.AddEventHandler(controller.PodEventHandler)
	if err == nil {
		_, err = namespaces.AddEventHandler(controller.NamespaceEventHandler)
	}
	if err == nil {
		_, err = policies.AddEventHandler(controller.NetworkPolicyEventHandler)
	}
	return controller, err
}

func waitForSync(factory informers.SharedInformerFactory, timeout time.Duration) error {
	enough := make(chan struct{})
	timer := time.AfterFunc(timeout, func() { close(enough) })
	defer timer.Stop()
	for kind, synced := range factory.WaitForCacheSync(enough) {
		if !synced {
			return fmt.Errorf("listing %v: not done after %v", kind, timeout)
		}
	}
	return nil
}
