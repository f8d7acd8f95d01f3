package scap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// readAll returns the records of a file and the error behind them, nil at its end.
func readAll(data []byte) ([]Record, error) {
	reader := NewReader(bytes.NewReader(data))
	var records []Record
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		records = append(records, clone(record))
	}
}

// only reads a file that has a section and one block, and returns the block's records.
func only(t *testing.T, data []byte) []Record {
	t.Helper()
	records, err := readAll(append(section(), data...))
	if err != nil || len(records) < 1 || records[0].Kind != KindSection {
		t.Fatalf("read %d records: %v", len(records), err)
	}
	return records[1:]
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// fullProcess has every field.
func fullProcess() Process {
	return Process{
		Tid: 11, Pid: 10, Ptid: 1, Sid: 9, Vpgid: 8, Vtid: 7, Vpid: 6, Pgid: 5, Comm: "sh", Exe: "/bin/sh", ExePath: "/usr/bin/dash",
		Args: "-c\x00ls\x00", Env: "A=1\x00B=\x00", Cgroups: "cpu=/a\x00memory=/b\x00", Cwd: "/tmp/", Root: "/", FDLimit: -1, Flags: 0x81,
		UID: 1000, GID: 100, VMSize: 1, VMRSS: 2, VMSwap: 3, MajorFaults: 1 << 40, MinorFaults: 5, PidnsStart: 77, TTY: 34816,
		LoginUID: 1001, ExeWritable: true, CapInheritable: 1, CapPermitted: 2, CapEffective: 1 << 40, ExeUpper: true, ExeLower: true,
		ExeFromMemfd: true, ExeIno: 12, ExeCtime: 13, ExeMtime: 14,
	}
}

// writeProcess writes the fields that a version has up to the root.
func writeProcess(p *Process, version int) raw {
	out := raw{}.i64(p.Tid).i64(p.Pid).i64(p.Ptid)
	if version >= 6 {
		out = out.i64(p.Sid)
	}
	if version >= 8 {
		out = out.i64(p.Vpgid)
	}
	out = out.text(p.Comm).text(p.Exe)
	if version >= 7 {
		out = out.text(p.ExePath)
	}
	out = out.text(p.Args).text(p.Cwd).i64(p.FDLimit).u32(p.Flags).u32(p.UID).u32(p.GID)
	if version >= 2 {
		out = out.u32(uint32(p.VMSize)).u32(uint32(p.VMRSS)).u32(uint32(p.VMSwap)).u64(p.MajorFaults).u64(p.MinorFaults)
	}
	if version >= 3 {
		out = out.text(p.Env)
	}
	if version >= 4 {
		out = out.i64(p.Vtid).i64(p.Vpid).text(p.Cgroups)
	}
	if version >= 5 {
		out = out.text(p.Root)
	}
	return out
}

// withoutTail clears the fields behind the root.
func withoutTail(p Process) Process {
	p.PidnsStart, p.TTY, p.LoginUID, p.ExeWritable, p.CapInheritable, p.CapPermitted, p.CapEffective = 0, 0, 1<<32-1, false, 0, 0, 0
	p.ExeUpper, p.ExeLower, p.ExeFromMemfd, p.ExeIno, p.ExeCtime, p.ExeMtime, p.Pgid = false, false, false, 0, 0, 0, -1
	return p
}

func TestProcessesOfEveryVersion(t *testing.T) {
	numbers := map[int][]uint32{1: {0x202, 0x8000ABCD}, 2: {0x207, 0x8013ABCD}, 3: {0x209, 0x8014ABCD}, 4: {0x210}, 5: {0x211}, 6: {0x212},
		7: {0x213}, 8: {0x214}, 9: {0x215}}
	for version := 1; version <= 9; version++ {
		want := withoutTail(fullProcess())
		lacks := []struct {
			since int
			clear func()
		}{
			{2, func() { want.VMSize, want.VMRSS, want.VMSwap, want.MajorFaults, want.MinorFaults = 0, 0, 0, 0, 0 }},
			{3, func() { want.Env = "" }},
			{4, func() { want.Vtid, want.Vpid, want.Cgroups = -1, -1, "" }},
			{5, func() { want.Root = "" }},
			{6, func() { want.Sid = -1 }},
			{7, func() { want.ExePath = "" }},
			{8, func() { want.Vpgid = -1 }},
		}
		for _, field := range lacks {
			if version < field.since {
				field.clear()
			}
		}
		p := fullProcess()
		entry := []byte(writeProcess(&p, version))
		if version == 9 {
			entry = sized(entry)
		}
		for _, number := range numbers[version] {
			t.Run(fmt.Sprintf("%#x", number), func(t *testing.T) {
				got := only(t, block(number, raw{}.add(entry, entry)))
				if len(got) != 2 || got[0].Kind != KindProcess {
					t.Fatalf("%d records", len(got))
				}
				same(t, want, got[0].Process)
				same(t, want, got[1].Process)
			})
		}
	}
}

func TestProcessHasTheFieldsItsLengthCovers(t *testing.T) {
	full := fullProcess()
	type field struct {
		bytes []byte
		set   func(*Process)
	}
	fields := []field{
		{raw{}.u64(77), func(p *Process) { p.PidnsStart = 77 }},
		{raw{}.u32(34816), func(p *Process) { p.TTY = 34816 }},
		{raw{}.u32(1001), func(p *Process) { p.LoginUID = 1001 }},
		{raw{1}, func(p *Process) { p.ExeWritable = true }},
		{raw{}.u64(1), func(p *Process) { p.CapInheritable = 1 }},
		{raw{}.u64(2), func(p *Process) { p.CapPermitted = 2 }},
		{raw{}.u64(1 << 40), func(p *Process) { p.CapEffective = 1 << 40 }},
		{raw{1}, func(p *Process) { p.ExeUpper = true }},
		{raw{}.u64(12), func(p *Process) { p.ExeIno = 12 }},
		{raw{}.u64(13), func(p *Process) { p.ExeCtime = 13 }},
		{raw{}.u64(14), func(p *Process) { p.ExeMtime = 14 }},
		{raw{1}, func(p *Process) { p.ExeFromMemfd = true }},
		{raw{1}, func(p *Process) { p.ExeLower = true }},
		{raw{}.i64(5), func(p *Process) { p.Pgid = 5 }},
		{raw{}.u64(99), func(*Process) {}}, // of a newer recorder
	}
	check := func(name string, fields []field) {
		t.Run(name, func(t *testing.T) {
			want, entry := withoutTail(full), writeProcess(&full, 9)
			for _, field := range fields {
				entry = entry.add(field.bytes)
				field.set(&want)
			}
			got := only(t, block(0x215, sized(entry)))
			if len(got) != 1 {
				t.Fatalf("%d records", len(got))
			}
			same(t, want, got[0].Process)
		})
	}
	// From the upper layer on, which came with the first two fields.
	for count := 8; count <= len(fields); count++ {
		check(fmt.Sprint(count, " fields"), fields[:count])
	}
	for count := range 6 {
		check(fmt.Sprint("before libs 0.10, ", count, " fields"), fields[2:2+count])
	}
}

func TestArgsGetTheirLastNUL(t *testing.T) {
	p := fullProcess()
	p.Args, p.Env = "-c\x00ls", "A"
	got := only(t, block(0x211, writeProcess(&p, 5)))
	if got[0].Process.Args != "-c\x00ls\x00" || got[0].Process.Env != "A\x00" {
		t.Errorf("%q, %q", got[0].Process.Args, got[0].Process.Env)
	}
}

func TestDescriptorsOfEveryKind(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	other4, other6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::2")
	cases := []struct {
		want Descriptor
		data []byte
	}{
		{Descriptor{Kind: DescriptorUnknown}, nil},
		{Descriptor{Kind: DescriptorIPv4, Local: netip.AddrPortFrom(v4, 40000), Remote: netip.AddrPortFrom(other4, 443), L4: 1},
			raw{}.add(v4.AsSlice(), other4.AsSlice()).u16(40000).u16(443).u8(1)},
		{Descriptor{Kind: DescriptorIPv6, Local: netip.AddrPortFrom(v6, 40000), Remote: netip.AddrPortFrom(other6, 443), L4: 2},
			raw{}.add(v6.AsSlice(), other6.AsSlice()).u16(40000).u16(443).u8(2)},
		{Descriptor{Kind: DescriptorIPv4Server, Local: netip.AddrPortFrom(v4, 80), L4: 1}, raw{}.add(v4.AsSlice()).u16(80).u8(1)},
		{Descriptor{Kind: DescriptorIPv6Server, Local: netip.AddrPortFrom(v6, 80), L4: 1}, raw{}.add(v6.AsSlice()).u16(80).u8(1)},
		{Descriptor{Kind: DescriptorUnix, Source: 1 << 63, Destination: 3, Path: "/run/s"}, raw{}.u64(1 << 63).u64(3).text("/run/s")},
		{Descriptor{Kind: DescriptorFileV2, OpenFlags: 3, Path: "/etc/passwd"}, raw{}.u32(3).text("/etc/passwd")},
	}
	for kind := DescriptorUnknown; kind <= DescriptorPidfd; kind++ {
		switch kind {
		case DescriptorUnknown, DescriptorIPv4, DescriptorIPv6, DescriptorIPv4Server, DescriptorIPv6Server, DescriptorUnix, DescriptorFileV2:
		default:
			cases = append(cases, struct {
				want Descriptor
				data []byte
			}{Descriptor{Kind: kind, Path: "name"}, raw{}.text("name")})
		}
	}
	for _, test := range cases {
		test.want.FD, test.want.Ino = 5, 6
		entry := raw{}.i64(5).u64(6).u8(uint8(test.want.Kind)).add(test.data)
		forms := map[string][]byte{
			"plain": block(0x203, raw{}.i64(42).add(entry, entry)),
			"early": block(0x8001ABCD, raw{}.i64(42).add(entry, entry)),
			"sized": block(0x218, raw{}.i64(42).add(sized(entry), sized(entry))),
		}
		if test.want.Kind != DescriptorFileV2 {
			forms["longer"] = block(0x218, raw{}.i64(42).add(sized(entry.u64(9)), sized(entry.u64(9))))
		}
		for name, data := range forms {
			got := only(t, data)
			if len(got) != 2 || got[0].Kind != KindDescriptor || got[0].Tid != 42 {
				t.Fatalf("%s: %+v", name, got)
			}
			same(t, test.want, got[0].Descriptor)
			same(t, test.want, got[1].Descriptor)
		}
	}
	file := raw{}.i64(1).u64(2).u8(uint8(DescriptorFileV2)).u32(1).text("/f").u32(8)
	got := only(t, block(0x218, raw{}.i64(42).add(sized(file), sized(file.u64(1)))))
	same(t, Descriptor{FD: 1, Ino: 2, Kind: DescriptorFileV2, OpenFlags: 1, Path: "/f", Dev: 8}, got[0].Descriptor)
	same(t, got[0].Descriptor, got[1].Descriptor)
	newer := raw{}.i64(1).u64(2).u8(200).u64(1)
	same(t, Descriptor{FD: 1, Ino: 2, Kind: 200}, only(t, block(0x218, raw{}.i64(42).add(sized(newer))))[0].Descriptor)
	if got := only(t, block(0x203, raw{}.i64(42))); len(got) != 0 {
		t.Errorf("a thread without descriptors has %v", got)
	}
}

func TestTables(t *testing.T) {
	name := append([]byte("host"), make([]byte, 124)...)
	old := raw{}.u32(4).u64(1 << 33).u64(32768).add(name)
	for body, boot := range map[string]uint64{string(old): 0, string(old.u64(77).u64(0).u64(0).u64(0)): 77} {
		for _, number := range []uint32{0x201, 0x8002ABCD} {
			got := only(t, block(number, []byte(body)))
			same(t, Machine{CPUs: 4, Memory: 1 << 33, MaxPid: 32768, Hostname: "host", BootTime: boot}, got[0].Machine)
		}
	}

	user := raw{0}.u32(1000).u32(100).text("me").text("/home/me").text("/bin/sh")
	group := raw{1}.u32(100).text("us")
	for number, body := range map[uint32][]byte{
		0x206: raw{}.add(user, group), 0x8012ABCD: raw{}.add(user, group), 0x220: raw{}.add(sized(user), sized(group.u32(9))),
	} {
		got := only(t, block(number, body))
		if len(got) != 2 || got[0].Kind != KindUser || got[1].Kind != KindGroup {
			t.Fatalf("%#x: %+v", number, got)
		}
		same(t, User{UID: 1000, GID: 100, Name: "me", Home: "/home/me", Shell: "/bin/sh"}, got[0].User)
		same(t, Group{GID: 100, Name: "us"}, got[1].Group)
	}

	v4, mask4, v6 := []byte{10, 0, 0, 1}, []byte{255, 0, 0, 0}, netip.MustParseAddr("2001:db8::1").AsSlice()
	mask6 := netip.MustParseAddr("ffff::").AsSlice()
	forms := [][]byte{
		raw{}.u16(1).u16(4).add(v4, mask4, v4).u64(1000).add([]byte("eth0")),
		raw{}.u16(2).u16(4).add(v6, mask6, v6).u64(1000).add([]byte("eth0")),
		raw{}.u16(3).u16(4).add(v4, mask4, v4, []byte("eth0")),
		raw{}.u16(4).u16(4).add(v6, mask6, v6, []byte("eth0")),
	}
	var plain, counted raw
	for _, form := range forms {
		plain = plain.add(form)
		counted = counted.u32(uint32(len(form))).add(form)
	}
	want4 := Interface{"eth0", netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("255.0.0.0")}
	want6 := Interface{"eth0", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("ffff::")}
	for number, body := range map[uint32][]byte{0x205: plain, 0x8011ABCD: plain, 0x219: counted} {
		got := only(t, block(number, body))
		if len(got) != 4 {
			t.Fatalf("%#x: %+v", number, got)
		}
		for i, want := range []Interface{want4, want6, want4, want6} {
			same(t, want, got[i].Interface)
		}
	}
}

func TestEventsOfEveryForm(t *testing.T) {
	for _, number := range []uint32{0x204, 0x8010ABCD, 0x208, 0x216, 0x217, 0x221, 0x222} {
		want := Event{Offset: int64(len(section())), CPU: 3, Time: 1 << 62, Tid: -1, Code: schema.OpenX,
			Params: [][]byte{raw{}.i64(5), []byte("/etc/passwd\x00"), raw{}.u32(1), {}}}
		if layoutOf(number).flags {
			want.Flags = 7
		}
		got := only(t, eventBlock(number, &want))
		if len(got) != 1 {
			t.Fatalf("%#x: %d records", number, len(got))
		}
		same(t, want, got[0].Event)
	}
	big := Event{Offset: int64(len(section())), Code: schema.PlugineventE, Params: [][]byte{raw{}.u32(1), bytes.Repeat([]byte("x"), 3<<20)}}
	if got := only(t, eventBlock(0x221, &big)); len(got) != 1 || !slices.EqualFunc(big.Params, got[0].Event.Params, bytes.Equal) {
		t.Fatalf("%d records of a large event, or other parameters", len(got))
	}
	small := big
	small.Params = [][]byte{raw{}.u32(1), []byte("x")}
	same(t, small, only(t, eventBlock(0x216, &small))[0].Event)
	// The recorder of these counted three bytes too many.
	note := Event{Code: schema.NotificationE, Params: [][]byte{[]byte("id\x00"), []byte("text\x00")}}
	data := eventBlock(0x204, &note)
	data[8+2+16] += 3
	same(t, note.Params, only(t, data)[0].Event.Params)
}

func TestUnknownPartsArePassedOver(t *testing.T) {
	first := Event{Code: schema.GenericX, Tid: 1, Params: [][]byte{raw{}.u16(1)}}
	future := eventBlock(0x216, &first)
	future[8+2+20], future[8+2+21] = 0xff, 0x7f
	data := raw{}.add(section([]byte("\x01\x00\x04\x00note\x00\x00\x00\x00")...), block(0x999, make([]byte, 1<<20)), future,
		eventBlock(0x216, &first), section(), eventBlock(0x216, &first))
	for _, file := range [][]byte{data, zipped(data), zipped(data[:100], data[100:5000], data[5000:])} {
		reader := NewReader(bytes.NewReader(file))
		var kinds []string
		for {
			record, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, fmt.Sprint(record.Kind))
		}
		want := fmt.Sprint(KindSection, KindEvent, KindSection, KindEvent)
		if strings.Join(kinds, " ") != want || reader.Skipped() != (Skipped{Blocks: 1, Events: 1}) {
			t.Errorf("kinds %v, want %s; skipped %+v", kinds, want, reader.Skipped())
		}
	}
}
