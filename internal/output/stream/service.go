package stream

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
)

// alertService is falco.outputs.service. Each call is a consumer with a position of its own; one that reads slowly
// waits in its own goroutine.
type alertService struct {
	outputs.UnimplementedServiceServer
	history  *history
	hostname string
	// seats bounds the calls at once.
	seats chan struct{}
}

// consumer is one call.
type consumer struct {
	*alertService
	ctx      context.Context
	send     func(*outputs.Response) error
	filter   filter
	position uint64
	past     past
	buffer   [batch]*outputs.Response
}

// consume runs a call from where its connection's last one ended.
func (s *alertService) consume(ctx context.Context, send func(*outputs.Response) error, run func(*consumer) error) error {
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
	default:
		return status.Errorf(codes.ResourceExhausted, "there are %d consumers already", cap(s.seats))
	}
	c := &consumer{alertService: s, ctx: ctx, send: send}
	defer c.past.close()
	session := sessionOf(ctx)
	if last := session.last.Load(); last != nil {
		c.position = *last
	} else {
		c.position, _ = s.history.ends()
	}
	if err := run(c); err != nil {
		return err
	}
	session.last.Store(&c.position) // an ordinary end: the client has it all
	return nil
}

// Get implements [outputs.ServiceServer].
func (s *alertService) Get(r *outputs.Request, stream grpc.ServerStreamingServer[outputs.Response]) error {
	return s.consume(stream.Context(), stream.Send, func(c *consumer) error {
		if err := c.heed(r); err != nil {
			return err
		}
		return c.catchUp()
	})
}

// catchUp sends what is there by now.
func (c *consumer) catchUp() error {
	for _, last := c.history.ends(); c.position < last; {
		if _, err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

// Sub implements [outputs.ServiceServer].
func (s *alertService) Sub(stream grpc.BidiStreamingServer[outputs.Request, outputs.Response]) error {
	requests := receive(stream)
	select {
	case first, open := <-requests:
		if !open {
			return nil
		}
		return s.consume(stream.Context(), stream.Send, func(c *consumer) error {
			if err := c.heed(first); err != nil {
				return err
			}
			return c.follow(requests)
		})
	case <-s.history.done:
		return nil
	}
}

// receive passes on a client's requests. The channel is closed after the last; the stream's end ends it, too.
func receive(stream grpc.BidiStreamingServer[outputs.Request, outputs.Response]) <-chan *outputs.Request {
	requests := make(chan *outputs.Request)
	go func() {
		defer close(requests)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			select {
			case requests <- r:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	return requests
}

// follow sends what is there and what comes, until the client or the server ends it.
func (c *consumer) follow(requests <-chan *outputs.Request) error {
	for {
		v, err := c.step()
		if err != nil || v.end {
			return err
		}
		more := v.more
		if len(v.alerts) > 0 {
			more = ready()
		}
		select {
		case <-more:
		case r, open := <-requests:
			if !open {
				return c.catchUp()
			}
			if err := c.heed(r); err != nil {
				return err
			}
		case <-c.ctx.Done():
			return status.FromContextError(c.ctx.Err()).Err()
		}
	}
}

// step sends a batch, and first of all how many alerts were missed before it.
func (c *consumer) step() (view, error) {
	v, ok, err := c.past.read(c.history, c.position, c.buffer[:])
	if err != nil {
		return v, status.Errorf(codes.Unavailable, "read the alerts on disk: %v", err) // the client comes again
	}
	if !ok {
		v = c.history.after(c.position, c.buffer[:])
	}
	if v.missed > 0 {
		c.position += v.missed
		if err := c.send(missedAlert(v.missed, c.position, c.history.run, c.hostname)); err != nil {
			return v, err
		}
	}
	for _, alert := range v.alerts {
		if c.filter.fits(alert) {
			if err := c.send(alert); err != nil {
				return v, err
			}
		}
	}
	c.position = v.next
	return v, nil
}

// heed does what a request asks for. An empty one, as Falco's clients send it, changes nothing.
func (c *consumer) heed(r *outputs.Request) error {
	if f := newFilter(r); !f.empty() {
		c.filter = f
	}
	switch {
	case r.Run == "" && r.Cursor == 0:
	case r.Run == "":
		return status.Error(codes.InvalidArgument, "cursor without run: send the run of the response that the cursor is from")
	case r.Run != c.history.run:
		c.position = 0 // of this run the client has nothing
	default:
		if _, last := c.history.ends(); r.Cursor > last {
			return status.Errorf(codes.InvalidArgument, "cursor %d is ahead of the last alert, %d", r.Cursor, last)
		}
		c.position = r.Cursor
	}
	return nil
}

// sessionOf is the connection's part of a call.
func sessionOf(ctx context.Context) *session {
	if p, ok := peer.FromContext(ctx); ok {
		if s, ok := p.AuthInfo.(*session); ok {
			return s
		}
	}
	return &session{}
}

func ready() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
