package scap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/testutil"
)

// anonymous stands in the reference for an address that its makers left out.
const anonymous = "198.51.100.246"

// kindNames are the kinds of descriptors as the reference has them.
var kindNames = map[DescriptorKind]string{
	DescriptorFile: "file", DescriptorDirectory: "directory", DescriptorIPv4: "ipv4", DescriptorIPv6: "ipv6",
	DescriptorIPv4Server: "ipv4serv", DescriptorIPv6Server: "ipv6serv", DescriptorFifo: "fifo", DescriptorUnix: "unix",
	DescriptorEvent: "event", DescriptorSignalfd: "signalfd", DescriptorEventpoll: "eventpoll", DescriptorInotify: "inotify",
	DescriptorTimerfd: "timerfd", DescriptorFileV2: "file_v2",
}

func TestDecodedCaptures(t *testing.T) {
	references, err := filepath.Glob(filepath.Join(testutil.Shared(t, "regression/decoded"), "*.jsonl"))
	if err != nil || len(references) == 0 {
		t.Fatalf("find the decoded captures: %v, %d files", err, len(references))
	}
	for _, reference := range references {
		name := strings.TrimSuffix(filepath.Base(reference), ".jsonl")
		capture := strings.TrimSuffix(name, "_comments") + ".scap"
		t.Run(name, func(t *testing.T) {
			compareDecoded(t, testutil.Shared(t, "regression/captures/"+capture), reference)
		})
	}
}

func compareDecoded(t *testing.T, capture, reference string) {
	in, err := os.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	want, err := os.Open(reference)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	reader, lines := NewReader(in), bufio.NewScanner(want)
	lines.Buffer(nil, 4<<20)
	events, records := 0, 0
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if record.Kind == KindInterface {
			continue
		}
		if record.Kind == KindEvent {
			events++
		}
		records++
		if !lines.Scan() {
			t.Fatalf("the reference ends before record %d", records)
		}
		var reference map[string]any
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&reference); err != nil {
			t.Fatal(err)
		}
		delete(reference, "major")
		delete(reference, "minor")
		delete(reference, "ppme")
		got := printed(described(record, events))
		if reference["dip"] == anonymous {
			got["dip"] = anonymous
		}
		if want := printed(reference); !maps.Equal(want, got) {
			t.Fatalf("record %d (-want +got):\n%s", records, cmp.Diff(want, got))
		}
	}
	if lines.Scan() {
		t.Fatalf("the reference goes on after record %d: %s", records, lines.Text())
	}
	if events == 0 || reader.Skipped() != (Skipped{}) {
		t.Fatalf("%d events, skipped %+v", events, reader.Skipped())
	}
}

// printed makes all values of a record texts.
func printed(record map[string]any) map[string]string {
	out := map[string]string{}
	for key, value := range record {
		out[key] = fmt.Sprint(value)
	}
	return out
}

// described returns a record in the form of the reference.
func described(record *Record, number int) map[string]any {
	switch record.Kind {
	case KindSection:
		return map[string]any{"block": "section"}
	case KindMachine:
		m := &record.Machine
		return map[string]any{"block": "machine", "num_cpus": m.CPUs, "memory": m.Memory, "max_pid": m.MaxPid, "hostname": m.Hostname,
			"boot_ts": m.BootTime}
	case KindUser:
		u := &record.User
		return map[string]any{"block": "user", "uid": u.UID, "gid": u.GID, "name": u.Name, "homedir": u.Home, "shell": u.Shell}
	case KindGroup:
		return map[string]any{"block": "group", "gid": record.Group.GID, "name": record.Group.Name}
	case KindProcess:
		return describedProcess(&record.Process)
	case KindDescriptor:
		return describedDescriptor(record)
	case KindEvent:
		return describedEvent(&record.Event, number)
	}
	return map[string]any{"block": "unknown"}
}

func describedProcess(p *Process) map[string]any {
	out := map[string]any{
		"block": "thread", "tid": p.Tid, "pid": p.Pid, "ptid": p.Ptid, "comm": p.Comm, "exe": p.Exe, "args": parts(p.Args), "cwd": p.Cwd,
		"fdlimit": p.FDLimit, "flags": p.Flags, "uid": p.UID, "gid": p.GID, "vmsize_kb": p.VMSize, "vmrss_kb": p.VMRSS,
		"vmswap_kb": p.VMSwap, "pfmajor": p.MajorFaults, "pfminor": p.MinorFaults, "env": parts(p.Env), "vtid": p.Vtid, "vpid": p.Vpid,
		"cgroups": parts(p.Cgroups), "root": p.Root,
	}
	if p.Sid != -1 {
		out["sid"] = p.Sid
	}
	if p.Vpgid != -1 {
		out["vpgid"], out["exepath"], out["loginuid"] = p.Vpgid, p.ExePath, p.LoginUID
	}
	return out
}

// parts returns the parts of a text as the reference has them: without those that are empty.
func parts(text string) []string {
	return strings.FieldsFunc(text, func(letter rune) bool { return letter == 0 })
}

func describedDescriptor(record *Record) map[string]any {
	d := &record.Descriptor
	out := map[string]any{"block": "fd", "tid": record.Tid, "fd": d.FD, "ino": d.Ino, "type": kindNames[d.Kind]}
	switch d.Kind {
	case DescriptorIPv4, DescriptorIPv6:
		out["sip"], out["sport"], out["dip"], out["dport"] = d.Local.Addr(), d.Local.Port(), d.Remote.Addr(), d.Remote.Port()
		out["l4"] = d.L4
	case DescriptorIPv4Server, DescriptorIPv6Server:
		out["ip"], out["port"], out["l4"] = d.Local.Addr(), d.Local.Port(), d.L4
	case DescriptorUnix:
		out["source"], out["dest"], out["name"] = d.Source, d.Destination, d.Path
	case DescriptorFileV2:
		out["open_flags"], out["name"], out["dev"] = d.OpenFlags, d.Path, d.Dev
	default:
		out["name"] = d.Path
	}
	return out
}

func describedEvent(e *Event, number int) map[string]any {
	kind := schema.Lookup(e.Code)
	params := []any{}
	for i, value := range e.Params {
		params = append(params, map[string]any{"name": kind.Params[i].Name, "type": typeNames[kind.Params[i].Type],
			"value": describedValue(kind.Params[i].Type, value)})
	}
	return map[string]any{
		"block": "event", "num": number, "ts": e.Time, "cpu": e.CPU, "tid": uint64(e.Tid), "type": e.Code, "name": kind.Name,
		"nparams": len(e.Params), "schema_nparams": len(kind.Params), "params": params,
	}
}

func describedValue(kind schema.Type, value []byte) any {
	var wide [8]byte
	copy(wide[:], value)
	number := binary.LittleEndian.Uint64(wide[:])
	switch {
	case kind == schema.TypeCharbuf || kind == schema.TypeFspath || kind == schema.TypeFsrelpath:
		return strings.TrimSuffix(string(value), "\x00")
	case len(value) == 0:
		return nil
	case kind.Size() == 0:
		return map[string]any{"hex": hex.EncodeToString(value)}
	}
	switch kind {
	case schema.TypeErrno, schema.TypeFD, schema.TypePid, schema.TypeInt64:
		return int64(number)
	case schema.TypeInt32, schema.TypeFd32, schema.TypePid32:
		return int32(number)
	}
	return number
}

// typeNames are the types that occur in the captures.
var typeNames = map[schema.Type]string{
	schema.TypeBytebuf: "BYTEBUF", schema.TypeCharbuf: "CHARBUF", schema.TypeEnumflags32: "ENUMFLAGS32",
	schema.TypeEnumflags8: "ENUMFLAGS8", schema.TypeErrno: "ERRNO", schema.TypeFD: "FD", schema.TypeFdlist: "FDLIST",
	schema.TypeFlags16: "FLAGS16", schema.TypeFlags32: "FLAGS32", schema.TypeFspath: "FSPATH", schema.TypeGID: "GID",
	schema.TypeInt64: "INT64", schema.TypePid: "PID", schema.TypeReltime: "RELTIME", schema.TypeSigtype: "SIGTYPE",
	schema.TypeSocktuple: "SOCKTUPLE", schema.TypeSyscallid: "SYSCALLID", schema.TypeUID: "UID", schema.TypeUint16: "UINT16",
	schema.TypeUint32: "UINT32", schema.TypeUint64: "UINT64",
}
