package decode

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

const (
	isFile   = bpfgen.SensorParamFlagsPARAM_FILE
	isSocket = bpfgen.SensorParamFlagsPARAM_SOCKET
)

// sentParam is a parameter as the kernel's side sends it.
type sentParam struct {
	number uint64
	flags  bpfgen.SensorParamFlags
	data   string
}

// callRaw is the record of a call of the table.
func callRaw(row int, nr uint32, ret int64, params ...sentParam) []byte {
	r := &bpfgen.SensorCallRecord{
		H: header, Ret: ret, Nr: nr, Call: uint16(int(bpfgen.SensorCallCALL_ROWS) + row), Params: uint16(len(params)),
	}
	texts := make([]string, 0, 2*len(params))
	for _, p := range params {
		v := bpfgen.SensorParamValue{Number: p.number, Len: uint32(len(p.data)), Flags: uint32(p.flags)}
		texts = append(texts, bytesOf(&v))
	}
	for _, p := range params {
		texts = append(texts, p.data)
	}
	return wire(r, &r.H, bpfgen.SensorRecordTypeRECORD_CALL, texts...)
}

func bytesOf[T any](v *T) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)))
}

func rowOf(name string) int {
	typ, _ := event.TypeByName(name)
	return call.New().Index(typ)
}

// renameRaw is a rename that failed, of whose two relative paths another thread rewrote the second.
func renameRaw() []byte {
	return callRaw(rowOf("rename"), 82, -2, sentParam{number: uint64(0xffff_ffff_ffff_fffe)},
		sentParam{number: 4, data: "old" + "/dir"},
		sentParam{number: 6<<32 | 4, flags: bpfgen.SensorParamFlagsPARAM_CHANGED, data: "../new" + "../bad" + "/dir"})
}

// connectRaw is a connection over IPv4.
func connectRaw() []byte {
	info := bpfgen.SensorSocketInfo{
		Ino: 77, Family: familyInet, Type: 1, Protocol: 6, State: 1, LocalPort: 4000, RemotePort: 80,
	}
	copy(info.Local[:], []byte{10, 0, 0, 1})
	copy(info.Remote[:], []byte{10, 0, 0, 2})
	sockaddr := string(binary.NativeEndian.AppendUint16(nil, familyInet)) + "\x00\x50\x0a\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x00"
	return callRaw(rowOf("connect"), 42, 0, sentParam{},
		sentParam{number: 5, flags: isSocket, data: bytesOf(&info)}, sentParam{data: sockaddr})
}

// fchmodRaw is about a file.
func fchmodRaw() []byte {
	info := bpfgen.SensorFileInfo{Inode: inode, OpenFlags: unix.O_NOFOLLOW | unix.O_RDWR}
	return callRaw(rowOf("fchmod"), 91, 0, sentParam{},
		sentParam{
			number: 5, flags: isFile | bpfgen.SensorParamFlagsPARAM_OUTSIDE_ROOT, data: bytesOf(&info) + "/dir/file",
		},
		sentParam{number: 0o4755})
}

func params(t *testing.T, raw []byte, want ...event.Param) *event.Event {
	t.Helper()
	ev := &decoded(t, raw).Event
	if diff := cmp.Diff(want, ev.Params, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	return ev
}

func TestCallPaths(t *testing.T) {
	ev := params(t, renameRaw(), event.Param{Num: -2}, event.Param{Text: "old", Given: "/dir/old"},
		event.Param{Text: "../new", Given: "/new", AtExit: "/bad"})
	if ev.Type.String() != "rename" || ev.Ret != -2 || ev.NativeID != 82 || ev.FD != call.NoDescriptor {
		t.Errorf("%v returned %d, number %d, about %d", ev.Type, ev.Ret, ev.NativeID, ev.FD)
	}
	if want := event.FlagNameChanged | event.FlagUnverified; ev.Flags != want {
		t.Errorf("flags %b, want %b", ev.Flags, want)
	}
}

func TestCallSocket(t *testing.T) {
	local, remote := netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:80")
	d := event.Descriptor{Kind: event.KindSocket, ID: event.FileID{Ino: 77}, Socket: event.Socket{
		Family: familyInet, Type: 1, Protocol: 6, State: 1, Local: local, Remote: remote,
	}}
	// The tuple is made of the descriptor: nothing is sent for it.
	params(t, connectRaw(), event.Param{}, event.Param{}, event.Param{Num: 5, Descriptor: d}, event.Param{Addr: remote})
}

func TestCallFile(t *testing.T) {
	ev := params(t, fchmodRaw(), event.Param{}, event.Param{Num: 5, Descriptor: event.Descriptor{
		Kind: event.KindFile, Path: "/dir/file", OutsideRoot: true, ID: fileID(&inode), InodeMode: inode.Mode, OpenFlags: 0o400002,
		Nlink: inode.Nlink, Layer: event.LayerLower,
	}}, event.Param{Num: 0o4755})
	if !ev.File.Present || ev.File.Resolved != "/dir/file" {
		t.Errorf("the file that the call is about: %+v", ev.File)
	}
}

func TestCallAddresses(t *testing.T) {
	family := func(n uint16) string { return string(binary.NativeEndian.AppendUint16(nil, n)) }
	for _, tt := range []struct {
		name, bytes string
		want        event.Param
	}{
		{"IPv4", family(familyInet) + "\x01\x02\x7f\x00\x00\x01", event.Param{Addr: netip.MustParseAddrPort("127.0.0.1:258")}},
		{"IPv6", family(familyInet6) + "\x01\x02\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
			event.Param{Addr: netip.MustParseAddrPort("[::1]:258")}},
		{"unix path", family(familyUnix) + "/run/socket\x00rest", event.Param{Text: "/run/socket"}},
		{"abstract", family(familyUnix) + "\x00name\x00x", event.Param{Text: "\x00name\x00x"}},
		{"cut IPv4", family(familyInet) + "\x01\x02\x7f", event.Param{}},
		{"cut IPv6", family(familyInet6) + "\x01\x02\x7f", event.Param{}},
		{"cut family", "\x02", event.Param{}},
		{"another family", family(16) + "\x00\x00", event.Param{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got event.Param
			address(tt.bytes, &got)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// A call without a row is an event of its number's type.
func TestGenericCall(t *testing.T) {
	ev := &decoded(t, callRaw(call.GenericRow, uint32(genericNr()), 3)).Event
	if ev.Type.String() != "getpgid" || ev.Ret != 3 || len(ev.Params) != 0 {
		t.Errorf("%v returned %d, with %d parameters", ev.Type, ev.Ret, len(ev.Params))
	}
}

// genericNr is the number of getpgid, which has no row.
func genericNr() int {
	for nr, typ := range call.New().Native() {
		if typ.String() == "getpgid" {
			return nr
		}
	}
	return -1
}

func TestCallMistakes(t *testing.T) {
	d := &Decoder{Clock: clock}
	var rec event.Record
	if err := d.Decode(callRaw(len(call.New().Rows()), 1, 0), &rec); err == nil {
		t.Error("a row that is not in the table is no error")
	}
	for name, raw := range map[string][]byte{
		"fewer parameters than the row has": callRaw(rowOf("unlink"), 87, 0, sentParam{}),
		"path lengths past the data":        callRaw(rowOf("unlink"), 87, 0, sentParam{}, sentParam{number: 99, data: "short"}),
		"cut file":                          callRaw(rowOf("fchmod"), 91, 0, sentParam{}, sentParam{flags: isFile, data: "x"}, sentParam{}),
		"cut socket":                        callRaw(rowOf("fchmod"), 91, 0, sentParam{}, sentParam{flags: isSocket, data: "x"}, sentParam{}),
	} {
		if err := d.Decode(raw, &rec); !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v, want %v", name, err, ErrShort)
		}
	}
}
