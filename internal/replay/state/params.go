package state

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// params fills in the event's parameters as they were recorded.
func (s *State) params(n *now, out *event.Event) {
	o := &s.out
	o.params = o.params[:0]
	defined := n.info.schema.Params
	for i, raw := range n.ev.Params {
		var p event.Param
		if i < len(defined) {
			s.param(n, &defined[i], i, raw, &p)
		}
		o.params = append(o.params, p)
	}
	out.Params = o.params
	s.out.captured.Params = min(len(n.ev.Params), len(defined))
}

func (s *State) param(n *now, def *schema.Param, i int, raw []byte, out *event.Param) {
	isText := def.Type == schema.TypeCharbuf || def.Type == schema.TypeFspath || def.Type == schema.TypeFsrelpath
	if len(raw) == 0 && !isText {
		out.Missing = true
		return
	}
	if size := def.Type.Size(); size != 0 && size != len(raw) {
		s.lost.Malformed++
	}
	switch def.Type {
	case schema.TypeCharbuf:
		out.Text = text(raw)
	case schema.TypeFspath, schema.TypeFsrelpath:
		out.Text = text(raw)
		s.pathParam(n, def, i, out)
	case schema.TypeBytebuf:
		out.Text = view(raw)
	case schema.TypeFD, schema.TypeFd32:
		out.Num = signed(raw)
		if n.thread != nil {
			if d := n.thread.find(out.Num); d != nil {
				s.show(d, n.thread, &out.Descriptor)
			}
		}
	case schema.TypePid, schema.TypePid32:
		out.Num = signed(raw)
		if t := s.threads[out.Num]; t != nil {
			out.Given = t.image.Comm
		}
	case schema.TypeInt8, schema.TypeInt16, schema.TypeInt32, schema.TypeInt64, schema.TypeErrno, schema.TypeReltime, schema.TypeAbstime:
		out.Num = signed(raw)
	case schema.TypeSockaddr:
		out.Text = s.made(func(dst []byte) []byte { return appendParamAddress(dst, raw) })
	case schema.TypeSocktuple:
		out.Text = s.made(func(dst []byte) []byte { return appendParamTuple(dst, raw) })
	case schema.TypeFdlist:
		s.polled(n, raw, out)
	case schema.TypeSigset:
		out.Text = signals(uint32(unsigned(raw)))
	case schema.TypeDyn:
		s.dynamic(n, raw, out)
	default:
		out.Num = int64(unsigned(raw))
	}
}

// made is a text in the output's memory.
func (s *State) made(appendTo func([]byte) []byte) string {
	at := len(s.out.text)
	s.out.text = appendTo(s.out.text)
	return view(s.out.text[at:])
}

// pathParam makes a relative path absolute: from the directory descriptor in front of it, or from the working directory.
func (s *State) pathParam(n *now, def *schema.Param, i int, out *event.Param) {
	switch {
	case out.Text == none:
		return
	case n.thread == nil:
		out.Given = out.Text
		return
	case out.Text == "" || strings.HasPrefix(out.Text, "/"):
		return
	}
	dir := n.thread.cwd()
	if def.Type == schema.TypeFsrelpath && i > 0 && n.info.schema.Params[i-1].Type == schema.TypeFD && n.int(i-1) != atCWD {
		dir = ""
		if d := n.thread.find(n.int(i - 1)); d != nil && d.name != "" {
			dir = withSlash(d.name)
		}
	}
	out.Given = s.made(func(dst []byte) []byte { return append(dst, join(dir, out.Text)...) })
}

// polled are the descriptors of a poll, as live events have them: struct pollfd, and what each leads to.
func (s *State) polled(n *now, raw []byte, out *event.Param) {
	const entry = 10 // a number of 64 bits and the events
	if len(raw) < 2 {
		return
	}
	names := call.PollNames()
	count := min(int(binary.LittleEndian.Uint16(raw)), (len(raw)-2)/entry)
	at := len(s.out.text)
	s.out.polled = s.out.polled[:0]
	for e := raw[2:]; count > 0; count, e = count-1, e[entry:] {
		fd := int64(binary.LittleEndian.Uint64(e))
		events := uint16(names.Kernel(uint64(binary.LittleEndian.Uint16(e[8:]))))
		s.out.text = binary.NativeEndian.AppendUint32(s.out.text, uint32(fd))
		s.out.text = binary.NativeEndian.AppendUint16(s.out.text, events)
		s.out.text = binary.NativeEndian.AppendUint16(s.out.text, events)
		var d event.Descriptor
		if n.thread != nil {
			if known := n.thread.find(fd); known != nil {
				s.show(known, n.thread, &d)
			}
		}
		s.out.polled = append(s.out.polled, d)
	}
	out.Text, out.Polled = view(s.out.text[at:]), s.out.polled
}

// signals are the names of a set of signals.
func signals(set uint32) string {
	var names []string
	for i := range 32 {
		if set&(1<<i) != 0 {
			if name := unix.SignalName(unix.Signal(i + 1)); name != "" {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, " ")
}

// dynamic is a value whose first byte says of which type it is; which types there are depends on the call.
func (s *State) dynamic(n *now, raw []byte, out *event.Param) {
	which, raw := raw[0], raw[1:]
	number := func(base int) string { return strings.ToUpper(strconv.FormatUint(unsigned(raw), base)) }
	signedNumber := func() { out.Num, out.Text = signed(raw), strconv.FormatInt(signed(raw), 10) }
	switch n.ev.Code {
	case schema.PtraceX:
		out.Num = int64(unsigned(raw))
		out.Text = number(16)
		if which == 1 {
			out.Text = number(10)
			out.Given = unix.SignalName(unix.Signal(out.Num))
		}
	case schema.KeyctlX:
		if which == 1 {
			out.Text = text(raw)
			return
		}
		signedNumber()
	default: // a socket's option
		s.option(which, raw, out)
	}
}

// option is the value of a socket's option: an error, a number of 32 or 64 bits, a time, or bytes.
func (s *State) option(which byte, raw []byte, out *event.Param) {
	const (
		errno = iota + 1
		number32
		number64
		timeval
	)
	switch which {
	case errno:
		out.Num, out.Text = signed(raw), strconv.FormatInt(signed(raw), 10)
		if out.Num < 0 {
			out.Given = unix.ErrnoName(unix.Errno(-out.Num))
		}
	case number32, number64:
		out.Num, out.Text = int64(unsigned(raw)), strconv.FormatUint(unsigned(raw), 10)
	case timeval:
		out.Num, out.Text = signed(raw), strconv.FormatUint(unsigned(raw), 10)
		out.Given = strconv.FormatFloat(float64(out.Num)/1e9, 'g', 6, 64) + "s"
	default:
		out.Text = s.made(func(dst []byte) []byte {
			for _, c := range raw {
				if c < ' ' || c > '~' {
					c = '.'
				}
				dst = append(dst, c)
			}
			return dst
		})
	}
}
