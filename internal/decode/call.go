package decode

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/value"
)

// maxParams bounds the parameters of a call, with those that are not sent.
const maxParams = 32

// calls is what a decoder needs for system calls of the table.
type calls struct {
	table  *call.Table
	params [maxParams]event.Param
	// Two paths of a call may be relative, and what each was at the end.
	given, atExit [2]pathBuffer
	// descriptors are those of a poll.
	descriptors [bpfgen.SensorLimitsPOLLED_MAX]event.Descriptor
}

// call reads the record of any system call of the table: the values that the row's recipe asked for, in its order.
func (d *Decoder) call(raw []byte, rec *event.Record) error {
	r, err := as[bpfgen.SensorCallRecord](raw)
	if err != nil {
		return err
	}
	if d.calls == nil {
		d.calls = &calls{table: call.New()}
	}
	rec.Kind = event.KindCall
	ev := &rec.Event
	ev.Ret, ev.NativeID = r.Ret, r.Nr
	index := int(r.Call) - int(bpfgen.SensorCallCALL_ROWS)
	if index == call.GenericRow {
		ev.Type = d.calls.table.Type(int(r.Nr), has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_COMPAT))
		return nil
	}
	rows := d.calls.table.Rows()
	if index < 0 || index >= len(rows) {
		return errRow(index)
	}
	row := &rows[index]
	ev.Type, ev.FD = row.Type, row.Descriptor
	ev.Params = d.calls.params[:len(row.Params)]
	values := texts{raw, unsafe.Sizeof(*r)}
	data := texts{raw, unsafe.Sizeof(*r) + uintptr(r.Params)*unsafe.Sizeof(bpfgen.SensorParamValue{})}
	var peer netip.AddrPort
	paths := 0
	for i := range row.Params {
		p, out := &row.Params[i], &ev.Params[i]
		*out = event.Param{}
		if !p.Sent() {
			continue
		}
		fixed := values.next(uint32(unsafe.Sizeof(bpfgen.SensorParamValue{})))
		if fixed == "" {
			return ErrShort
		}
		v := (*bpfgen.SensorParamValue)(unsafe.Pointer(unsafe.StringData(fixed)))
		bytes := data.next(v.Len)
		if !data.ok() {
			return ErrShort
		}
		flags := bpfgen.SensorParamFlags(v.Flags)
		out.Missing = flags&bpfgen.SensorParamFlagsPARAM_MISSING != 0
		out.Truncated = flags&bpfgen.SensorParamFlagsPARAM_TRUNCATED != 0
		out.Num = number(p, v.Number)
		switch {
		case out.Missing && p.From == bpfgen.SensorParamSourceSOURCE_DESCRIPTOR_AT:
			out.Missing, out.Num = false, -1 // the call stored none
		case p.From == bpfgen.SensorParamSourceSOURCE_PATH:
			if err := d.calls.path(min(paths, 1), v, bytes, out, ev); err != nil {
				return err
			}
			paths++
		case flags&(bpfgen.SensorParamFlagsPARAM_FILE|bpfgen.SensorParamFlagsPARAM_SOCKET) != 0:
			if err := descriptor(bytes, flags, &out.Descriptor); err != nil {
				return err
			}
		case p.From == bpfgen.SensorParamSourceSOURCE_ADDRESS || p.From == bpfgen.SensorParamSourceSOURCE_MESSAGE_ADDRESS:
			address(bytes, out)
			// A ring's connect is recorded when it is asked for: its socket has no other end yet.
			if p.Made == call.Tuple || p.Made == call.Address && has(r.H.Flags, bpfgen.SensorRecordFlagsFLAG_NO_RESULT) {
				peer = out.Addr
			}
		case p.From == bpfgen.SensorParamSourceSOURCE_POLLED:
			if err := d.calls.polled(bytes, v.Number, out); err != nil {
				return err
			}
		default:
			out.Text = bytes
		}
	}
	if ev.FD >= 0 {
		about(ev, peer)
	}
	return nil
}

// about completes what is known of the descriptor that the call is about: a file stands in Event.File, too, as an opened one does; a
// socket that is not connected has the other end that the call's data went to or came from.
func about(ev *event.Event, peer netip.AddrPort) {
	p := &ev.Params[ev.FD]
	d := &p.Descriptor
	switch d.Kind {
	case event.KindFile, event.KindDirectory:
		ev.File = event.File{
			Present: true, FD: p.Num, Raw: d.Path, Given: d.Path, Resolved: d.Path, OpenFlags: d.OpenFlags, ID: d.ID, InodeMode: d.InodeMode,
			Nlink: d.Nlink, Layer: d.Layer,
		}
	case event.KindSocket:
		if d.Socket.Remote.Port() == 0 && peer.IsValid() {
			d.Socket.Remote, d.Socket.Addressed = peer, true
		}
	}
}

// quotaCommandShift is where the command stands in quotactl's first argument; the kind of the quota is below (linux/quota.h).
const quotaCommandShift = 8

// number is a parameter's number, cut to its type and in Falco's numbers.
func number(p *call.Param, n uint64) int64 {
	switch p.Type {
	case value.FD, value.PID, value.SigType:
		return int64(int32(n))
	case value.Int16:
		return int64(int16(n))
	case value.Int32:
		if p.Names == nil {
			return int64(int32(n))
		}
		n = uint64(uint32(n))
	case value.UID, value.GID, value.Uint32, value.Flags32, value.EnumFlags32, value.Mode:
		n = uint64(uint32(n))
	}
	switch p.Made {
	case call.QuotaCommand:
		n = uint64(uint32(n) >> quotaCommandShift)
	case call.QuotaType:
		n &= 1<<quotaCommandShift - 1
	}
	if p.Names != nil {
		n = p.Names.Number(n)
	}
	switch p.Type {
	case value.Int32:
		return int64(int32(n))
	case value.Uint8, value.Flags8, value.EnumFlags8:
		n = uint64(uint8(n))
	case value.Uint16, value.Flags16, value.EnumFlags16:
		n = uint64(uint16(n))
	}
	return int64(n)
}

// path reads the caller's text, what it was when the call returned, and the directory that it starts from.
func (c *calls) path(which int, v *bpfgen.SensorParamValue, bytes string, out *event.Param, ev *event.Event) error {
	dirLen, exitLen := int(uint32(v.Number)), int(v.Number>>32)
	textLen := len(bytes) - dirLen - exitLen
	if textLen < 0 {
		return ErrShort
	}
	out.Num = 0
	if out.Missing {
		return nil
	}
	dir := bytes[textLen+exitLen:]
	out.Text = bytes[:textLen]
	out.Given = absolute(&c.given[which], dir, out.Text)
	if bpfgen.SensorParamFlags(v.Flags)&bpfgen.SensorParamFlagsPARAM_CHANGED != 0 {
		out.AtExit = absolute(&c.atExit[which], dir, bytes[textLen:textLen+exitLen])
		ev.Flags |= event.FlagNameChanged
	}
	ev.Flags |= event.FlagUnverified
	if out.Truncated {
		ev.Flags |= event.FlagRawTruncated
	}
	return nil
}

// polled reads the descriptors of a poll: size bytes of struct pollfd, a struct polled for each, and their data.
func (c *calls) polled(bytes string, size uint64, out *event.Param) error {
	const head = int(unsafe.Sizeof(bpfgen.SensorPolled{}))
	n := int(min(size/call.PollFDSize, uint64(len(c.descriptors))))
	if out.Missing {
		return nil
	}
	if len(bytes) < n*(call.PollFDSize+head) {
		return ErrShort
	}
	out.Text = bytes[:n*call.PollFDSize]
	heads, data := bytes[n*call.PollFDSize:], bytes[n*(call.PollFDSize+head):]
	for i := range n {
		length := binary.NativeEndian.Uint32([]byte(heads[i*head:]))
		flags := bpfgen.SensorParamFlags(binary.NativeEndian.Uint32([]byte(heads[i*head+4:])))
		if int(length) > len(data) {
			return ErrShort
		}
		c.descriptors[i] = event.Descriptor{}
		if err := descriptor(data[:length], flags, &c.descriptors[i]); err != nil {
			return err
		}
		data = data[length:]
	}
	out.Polled = c.descriptors[:n]
	return nil
}

// What stands in the low bits of an inode's mode, and the file systems of kernel objects (linux/stat.h, linux/magic.h).
const (
	modeType  = 0o170000
	modeDir   = 0o040000
	modeFIFO  = 0o010000
	pipeFS    = 0x50495045
	anonFS    = 0x09041934
	pidFS     = 0x50494446
	nsFS      = 0x6e736673
	tmpFS     = 0x01021994
	memfdName = "memfd:"
)

// file reads the file behind a descriptor.
func file(bytes string, flags bpfgen.SensorParamFlags, out *event.Descriptor) error {
	if len(bytes) < int(unsafe.Sizeof(bpfgen.SensorFileInfo{})) {
		return ErrShort
	}
	// The data of a record is not aligned: the fixed part is copied.
	var info bpfgen.SensorFileInfo
	size := copy(unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)), bytes)
	*out = event.Descriptor{
		Kind:        fileKind(&info, bytes[size:]),
		Path:        bytes[size:],
		OutsideRoot: flags&bpfgen.SensorParamFlagsPARAM_OUTSIDE_ROOT != 0,
		ID:          fileID(&info.Inode),
		InodeMode:   info.Inode.Mode,
		OpenFlags:   genericOpenFlags(info.OpenFlags),
		Nlink:       info.Inode.Nlink,
		Layer:       event.Layer(info.Inode.Layer),
	}
	return nil
}

func fileKind(info *bpfgen.SensorFileInfo, path string) event.DescriptorKind {
	switch {
	case info.Magic == nsFS:
		return event.KindNamespace
	case info.Magic == anonFS, info.Magic == pidFS, len(path) > len(memfdName) && path[:len(memfdName)] == memfdName:
		return event.KindAnonymous
	case info.Magic == pipeFS && info.Inode.Mode&modeType == modeFIFO:
		return event.KindPipe
	case info.Inode.Mode&modeType == modeDir:
		return event.KindDirectory
	}
	return event.KindFile
}

// Families of sockets (linux/socket.h).
const (
	familyUnix  = 1
	familyInet  = 2
	familyInet6 = 10
)

// socket reads the socket behind a descriptor.
func socket(bytes string, out *event.Descriptor) error {
	var info bpfgen.SensorSocketInfo
	if len(bytes) < int(unsafe.Sizeof(info)) {
		return ErrShort
	}
	size := copy(unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)), bytes)
	flags := bpfgen.SensorSocketFlags(info.Flags)
	*out = event.Descriptor{Kind: event.KindSocket, ID: event.FileID{Ino: info.Ino}, Socket: event.Socket{
		Family: info.Family, Type: info.Type, Protocol: info.Protocol, State: info.State,
		Local: end(info.Family, &info.Local, info.LocalPort), Remote: end(info.Family, &info.Remote, info.RemotePort),
		Server: flags&bpfgen.SensorSocketFlagsSOCKET_SERVER != 0,
		Sock:   info.Sock, Peer: info.Peer, Name: unixName(bytes[size:]), PeerName: flags&bpfgen.SensorSocketFlagsSOCKET_PEER_NAME != 0,
		QueueLen: info.QueueLen, QueueMax: info.QueueMax,
	}}
	return nil
}

func end(family uint16, addr *[16]uint8, port uint16) netip.AddrPort {
	switch family {
	case familyInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr[:4])), port)
	case familyInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(*addr), port)
	}
	return netip.AddrPort{}
}

// address reads a struct sockaddr; of a unix socket the name.
func address(b string, out *event.Param) {
	if len(b) < 2 {
		return
	}
	switch binary.NativeEndian.Uint16([]byte(b[:2])) {
	case familyInet:
		if len(b) >= 8 {
			out.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte([]byte(b[4:8]))), binary.BigEndian.Uint16([]byte(b[2:4])))
		}
	case familyInet6:
		if len(b) >= 24 {
			out.Addr = netip.AddrPortFrom(netip.AddrFrom16([16]byte([]byte(b[8:24]))), binary.BigEndian.Uint16([]byte(b[2:4])))
		}
	case familyUnix:
		out.Text = unixName(b[2:])
	}
}

// unixName is the name of a unix socket: a path ends at the first NUL, an abstract name begins with one and has its length alone.
func unixName(b string) string {
	if n := strings.IndexByte(b, 0); n > 0 {
		return b[:n]
	}
	return b
}
