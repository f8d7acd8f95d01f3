package pods

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// serviceAccount is the folder of a pod's token and the cluster's CA certificate.
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"
	// pollTimeout bounds a poll, including the response body.
	pollTimeout = 10 * time.Second
	// pollPause is the least time between two polls.
	pollPause = time.Second
	// maxMissed bounds the unknown pods that are kept between two regular polls.
	maxMissed = 1024
)

// Kubelet says how to reach this node's kubelet.
type Kubelet struct {
	// Address is https://HOST:PORT; empty if it is not known.
	Address string
	// CAFile has the CA of the kubelet's certificate; empty means the service account's, which is the cluster's.
	CAFile string
	// Insecure accepts any certificate.
	Insecure bool
	// TokenFile is read again when it is rotated; empty means the service account's.
	TokenFile string
	// Interval between two polls. 0 means 10 s.
	Interval time.Duration
}

// poller polls a kubelet for its pods.
type poller struct {
	settings Kubelet
	meter    *meter
	client   *http.Client // nil before the first poll, and after one that failed
	early    chan struct{}

	mu     sync.Mutex
	missed map[string]bool // pods that were not known, since the last regular poll
}

func newPoller(settings Kubelet, m *meter) *poller {
	if settings.CAFile == "" {
		settings.CAFile = serviceAccount + "ca.crt"
	}
	if settings.Insecure {
		settings.CAFile = ""
	}
	if settings.TokenFile == "" {
		settings.TokenFile = serviceAccount + "token"
	}
	if settings.Interval == 0 {
		settings.Interval = 10 * time.Second
	}
	return &poller{settings: settings, meter: m, early: make(chan struct{}, 1), missed: map[string]bool{}}
}

// run polls until the context ends: once an interval, and earlier if an unknown pod was looked up.
func (p *poller) run(ctx context.Context, s *store, failed func(State, error)) {
	regular := time.NewTicker(p.settings.Interval)
	defer regular.Stop()
	for {
		if state, err := p.poll(ctx, s); err != nil && ctx.Err() == nil {
			failed(state, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollPause):
		}
		select {
		case <-ctx.Done():
			return
		case <-regular.C:
			p.mu.Lock()
			clear(p.missed)
			p.mu.Unlock()
		case <-p.early:
		}
	}
}

// pollSoon requests an early poll for an unknown pod: once for each pod between two regular polls.
func (p *poller) pollSoon(uid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if uid == "" || p.missed[uid] || len(p.missed) >= maxMissed {
		return
	}
	p.missed[uid] = true
	select {
	case p.early <- struct{}{}:
	default: // a poll is due already
	}
}

// poll puts the kubelet's pods into the store. With an error it returns the state; then no pod is marked as removed.
func (p *poller) poll(ctx context.Context, s *store) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if p.client == nil {
		var err error
		if p.client, err = p.connect(); err != nil {
			return Unconfigured, err
		}
	}
	state, err := p.ask(ctx, s)
	if err != nil {
		p.client.CloseIdleConnections()
		p.client = nil // the next one reads the files again
	}
	return state, err
}

func (p *poller) connect() (*http.Client, error) {
	k := &p.settings
	if k.Address == "" {
		return nil, errors.New("the kubelet's address is not known; " +
			"set kubernetes.kubelet.address, or FALCO_HOST_IP from the field status.hostIP")
	}
	config := &rest.Config{
		BearerTokenFile: k.TokenFile, UserAgent: "saker", TLSClientConfig: rest.TLSClientConfig{CAFile: k.CAFile, Insecure: k.Insecure},
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }, // the kubelet is on this node
	}
	p.meter.attach(config)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("ask the kubelet: %w; run in a pod with a service account's token", err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token is for the kubelet alone
	return client, nil
}

func (p *poller) ask(ctx context.Context, s *store) (State, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.settings.Address+"/pods", http.NoBody)
	if err != nil {
		return Unconfigured, fmt.Errorf("ask the kubelet: %w; correct kubernetes.kubelet.address", err)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return Unreachable, unanswered(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	present := map[string]bool{}
	err = decodePods(answer.Body, func(pod *podMetadata) {
		if s.keep(pod.partial()) {
			present[pod.UID] = true
		}
	})
	if err != nil {
		s.abandon()
		return Unreachable, fmt.Errorf("read the kubelet's pods: %w", err)
	}
	s.retain(present)
	return Connected, nil
}

// unanswered explains why there is no response, with the remedy where the kubelet's certificate is refused.
func unanswered(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) { // it would name the whole request
		err = asked.Err
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = errNoAnswer
	case errors.As(err, &unknown):
		err = fmt.Errorf("%w; name its authority in kubernetes.kubelet.ca_file: "+
			"it signs its certificate itself unless serverTLSBootstrap is on", err)
	case errors.As(err, &name):
		err = fmt.Errorf("%w; name the kubelet as its certificate does in kubernetes.kubelet.address", err)
	}
	return fmt.Errorf("ask the kubelet: %w", err)
}

// refusal explains a response that is not 200 OK.
func refusal(answer *http.Response) (State, error) {
	const most = 200 // bytes of the answer that are told
	text, _ := io.ReadAll(io.LimitReader(answer.Body, most))
	err := fmt.Errorf("ask the kubelet: %s: %q", answer.Status, bytes.TrimSpace(text))
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return Refused, fmt.Errorf("%w; the kubelet does not know whom the service account's token names", err)
	case http.StatusForbidden:
		return Refused, fmt.Errorf("%w; give the service account a role with the verb get for nodes/pods, "+
			"before Kubernetes 1.33 for nodes/proxy", err)
	}
	return Unreachable, fmt.Errorf("%w; does kubernetes.kubelet.address name a kubelet?", err)
}
