package pods

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

var errNoAnswer = errors.New("it does not answer")

// api returns how to reach the API server.
func (s *Settings) api() (*rest.Config, error) {
	var api *rest.Config
	var err error
	switch {
	case s.API != nil:
		api = rest.CopyConfig(s.API)
	case s.Kubeconfig != "":
		if api, err = clientcmd.BuildConfigFromFlags("", s.Kubeconfig); err != nil {
			return nil, fmt.Errorf("read how to reach the API server: %w; correct the file that kubernetes.kubeconfig names", err)
		}
	default:
		if api, err = rest.InClusterConfig(); err != nil {
			return nil, fmt.Errorf("find the API server: %w; run in a pod with a service account's token, "+
				"or name a file in kubernetes.kubeconfig", err)
		}
	}
	api.UserAgent = "saker"
	api.WarningHandler = rest.NoWarnings{}
	return api, nil
}

// Source is "API server" or "kubelet".
func (s *Settings) Source() string {
	if s.Kubelet != nil {
		return "kubelet"
	}
	return "API server"
}

// origin names what says how to reach the API server.
func (s *Settings) origin() string {
	if s.Kubeconfig != "" {
		return s.Kubeconfig
	}
	return "the pod's service account"
}

// selector selects this node's pods.
func (s *Settings) selector() string {
	return fields.OneTermEqualSelector("spec.nodeName", s.Node).String()
}

// explain turns the error of a request into a state and an error with the remedy.
func (s *Settings) explain(err error) (State, error) {
	var asked *url.Error
	if errors.As(err, &asked) { // it would name the whole request
		err = asked.Err
	}
	switch {
	case apierrors.IsForbidden(err):
		return Refused, fmt.Errorf("ask for pods: %w; give it a role that may list and watch pods", err)
	case apierrors.IsUnauthorized(err):
		return Refused, fmt.Errorf("ask for pods: %w; the API server does not know whom %s names", err, s.origin())
	case errors.Is(err, context.DeadlineExceeded):
		err = errNoAnswer
	}
	return Unreachable, fmt.Errorf("ask the API server for pods: %w", err)
}

// stateOf is the state after a complete answer with a number of pods.
func (s *Settings) stateOf(pods int) (State, error) {
	if pods > 0 {
		return Connected, nil
	}
	if s.Kubelet != nil {
		return Empty, fmt.Errorf("the kubelet at %s has no pods; if it is another node's, set kubernetes.kubelet.address", s.Kubelet.Address)
	}
	return Empty, fmt.Errorf("the API server has no pods of the node %q; "+
		"if it has another name in Kubernetes, set kubernetes.node, or FALCO_HOSTNAME from the field spec.nodeName", s.Node)
}

// Ask sends one request, to the API server for one pod of the node, or to the kubelet. It returns the address and the state.
func Ask(ctx context.Context, s Settings) (host string, _ Status) {
	if s.Kubelet != nil {
		w := New(s)
		if state, err := w.poller.poll(ctx, w.store); err != nil {
			return s.Kubelet.Address, Status{state, err}
		}
		return s.Kubelet.Address, w.Status()
	}
	api, err := s.api()
	if err != nil {
		return "", Status{Unconfigured, err}
	}
	client, err := metadata.NewForConfig(api)
	if err != nil {
		return api.Host, Status{Unconfigured, err}
	}
	list, err := client.Resource(podsResource).List(ctx, metav1.ListOptions{FieldSelector: s.selector(), Limit: 1})
	if err != nil {
		state, err := s.explain(err)
		return api.Host, Status{state, err}
	}
	state, err := s.stateOf(len(list.Items))
	return api.Host, Status{state, err}
}
