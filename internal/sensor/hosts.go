package sensor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/hosts"
	"github.com/saker-sensor/saker/internal/setup"
)

// hostSource knows the host names that rules name, by their addresses. It does not block.
type hostSource interface {
	Hosts() event.Hosts
}

// hostsLimit bounds how long the start waits for the answers about host names.
const hostsLimit = 500 * time.Millisecond

// openHosts looks up the host names that rules compare addresses with.
func (s *sensor) openHosts(ctx context.Context) error {
	s.hosts = hosts.New(hosts.Settings{Failed: func(name string, err error) {
		s.Log.Warn("a host name of a rule is not resolved; it is looked up again", zap.String("name", name), zap.Error(err))
	}})
	s.hosts.Watch(setup.HostNames(s.first.rules.Rules()...))
	s.hosts.Start(context.WithoutCancel(ctx)) // teardown ends it
	s.hosts.Wait(hostsLimit)
	return nil
}

func (s *sensor) closeHosts() error {
	if s.hosts == nil {
		return nil
	}
	return s.hosts.Close()
}
