package k8saudit

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings are the init_config of Falco's plugin k8saudit. What bounds a single event there has no use here: a batch is bounded.
type Settings struct {
	// Certificate is a PEM file with the webhook's key and certificate.
	Certificate string `yaml:"sslCertificate"`
	// MaxBatch bounds a request's body, in bytes.
	MaxBatch int `yaml:"webhookMaxBatchSize"`
}

// DefaultSettings are those of the plugin.
func DefaultSettings() Settings {
	return Settings{Certificate: "/etc/falco/falco.pem", MaxBatch: 12 << 20}
}

// Open opens what open_params of the plugin name: http(s)://HOST:PORT/PATH is a webhook, file://PATH a file that is followed, and
// anything else a file, or a folder of files, of JSON lines.
func Open(s Settings, params string) (*Reader, error) {
	params = strings.TrimSpace(params)
	scheme, rest, isURL := strings.Cut(params, "://")
	var from origin
	var err error
	switch {
	case params == "":
		err = fmt.Errorf("it is empty; name a webhook, http://:9765/k8s-audit, or a file of JSON lines")
	case !isURL:
		from, err = openFiles(params, s.MaxBatch)
	case scheme == "file":
		from, err = openFollowed(rest, s.MaxBatch)
	case scheme == "http" || scheme == "https":
		var u *url.URL
		if u, err = url.Parse(params); err != nil {
			break
		}
		if u.Path == "" || u.Port() == "" {
			err = fmt.Errorf("a webhook needs a port and a path: %s://:9765/k8s-audit", scheme)
			break
		}
		certificate := ""
		if scheme == "https" {
			certificate = s.Certificate
		}
		from, err = openWebhook(u.Host, u.Path, certificate, s.MaxBatch)
	default:
		err = fmt.Errorf("%s:// is unknown; use http://, https://, file:// or the path of a file", scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("open the source k8s_audit: open_params %q: %w", params, err)
	}
	return &Reader{origin: from}, nil
}

// Info is evt.plugininfo: the whole event.
func Info(ev *event.Event) string { return string(ev.Document.MarshalTo(nil)) }
