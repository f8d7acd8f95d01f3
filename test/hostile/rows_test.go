package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/value"
)

// markMagic is the upper half of the offset to which the caller of rows seeks in no file before each of its calls; the lower half is the
// call's number.
const markMagic = 0x5a4b

// rowFact is a call of a row of the table as its caller knows it.
type rowFact struct {
	Number uint32
	Type   event.Type
	Ret    int64
	// Params are as many as the row has.
	Params []want
	Call   string
}

// want is what is known of a parameter.
type want struct {
	// Num is the number, if HasNum.
	Num    int64
	HasNum bool
	// Text is the string or the bytes, if HasText; then the two marks are known as well, but for MayCut.
	Text      string
	HasText   bool
	Missing   bool
	Truncated bool
	MayCut    bool
	// Kind is what the descriptor leads to, if HasKind.
	Kind    event.DescriptorKind
	HasKind bool
}

// defaultData is how many bytes of a buffer are kept.
const defaultData = 80

// storedFD marks a descriptor that a call stores.
const storedFD = bpfgen.SensorParamRulesPARAM_IF_OK

func isPath(p *call.Param) bool { return p.From == bpfgen.SensorParamSourceSOURCE_PATH }

// expect says what the parameters of a call's record must be, by the arguments and the memory behind the call: paths, too, are read when it
// has ended, over which it may have written its answer (stat).
func (c *rowCaller) expect(r *call.Row, args *[6]uint64, ret int64) []want {
	all := make([]want, len(r.Params))
	for i := range r.Params {
		p, w := &r.Params[i], &all[i]
		arg := uint64(ret)
		if p.Arg < 6 {
			arg = args[p.Arg]
		}
		switch p.From {
		case bpfgen.SensorParamSourceSOURCE_ARG:
			w.number(p, arg)
		case bpfgen.SensorParamSourceSOURCE_NUMBER:
			c.expectNumber(p, w, arg, ret)
		case bpfgen.SensorParamSourceSOURCE_PATH:
			w.text(c.mem.textAt(uintptr(arg)))
		case bpfgen.SensorParamSourceSOURCE_STRING:
			w.text(c.mem.textAt(uintptr(arg)))
			if p.Rules&bpfgen.SensorParamRulesPARAM_IF_OK != 0 && ret < 0 {
				*w = want{HasText: true, Missing: true}
			}
		case bpfgen.SensorParamSourceSOURCE_BYTES:
			c.expectBytes(p, w, args, ret)
		case bpfgen.SensorParamSourceSOURCE_DESCRIPTOR:
			w.number(p, arg)
			// What the call has made is not known; what was there before is, unless the call has closed it.
			if !p.IsResult() && r.Name != "close" && !taken(arg) {
				w.Kind, w.HasKind = c.kindOf(int32(arg)), true
			} else if p.IsResult() && ret < 0 {
				w.HasKind = true
			}
		}
	}
	return all
}

// taken tells whether a descriptor's number is one that calls may make.
func taken(fd uint64) bool { return int32(fd) >= sparesFrom && int32(fd) < sparesTo }

func (w *want) text(t text) {
	w.HasText, w.Text, w.Missing = true, t.text, !t.ok
	w.Truncated = t.cut
	w.MayCut = len(t.text) == maxPath-1 && !t.cut // it just fits, which can't be told from one that does not
}

// number is a number as a type has it; names have numbers of Falco's own.
func (w *want) number(p *call.Param, n uint64) {
	if p.Names != nil || p.Made != call.AsSent {
		return
	}
	w.HasNum = true
	switch p.Type {
	case value.FD, value.PID, value.SigType, value.Int32:
		w.Num = int64(int32(n))
	case value.Int16:
		w.Num = int64(int16(n))
	case value.Uint8, value.Flags8, value.EnumFlags8:
		w.Num = int64(uint8(n))
	case value.Uint16, value.Flags16, value.EnumFlags16:
		w.Num = int64(uint16(n))
	case value.UID, value.GID, value.Uint32, value.Flags32, value.EnumFlags32, value.Mode:
		w.Num = int64(uint32(n))
	default:
		w.Num = int64(n)
	}
}

// expectNumber is of a number in memory.
func (c *rowCaller) expectNumber(p *call.Param, w *want, arg uint64, ret int64) {
	if p.Rules&bpfgen.SensorParamRulesPARAM_IF_OK != 0 && ret < 0 {
		*w = want{HasText: true, Missing: true}
		return
	}
	at := c.mem.at(uintptr(arg)+uintptr(p.Offset), int(p.Size))
	w.HasText, w.Missing = true, at == nil && arg != 0
	if at != nil {
		w.number(p, little(at))
	}
}

// expectBytes is of a buffer, whose length is an argument or behind one.
func (c *rowCaller) expectBytes(p *call.Param, w *want, args *[6]uint64, ret int64) {
	n := uint64(1)
	if p.With < 6 {
		n = args[p.With]
		if p.Offset != 0 {
			at := c.mem.at(uintptr(n), 4)
			n = 0
			if at != nil {
				n = little(at)
			}
		}
	}
	n *= uint64(max(p.Size, 1))
	unfilled := false
	if p.Rules&bpfgen.SensorParamRulesPARAM_MAX_RESULT != 0 {
		unfilled = ret < 0
		n = min(n, uint64(max(ret, 0)))
	}
	limit := uint64(defaultData)
	if p.Max != 0 {
		limit = uint64(p.Max)
	}
	kept := int(min(n, limit))
	b := c.mem.at(uintptr(args[p.Arg]), kept)
	if b == nil && kept == 0 && args[p.Arg] != 0 {
		return // nothing of nowhere
	}
	w.HasText = true
	if w.Missing = b == nil || unfilled; w.Missing {
		return
	}
	w.Text, w.Truncated = string(b), uint64(kept) < n
	w.Num, w.HasNum = int64(n), true
}

// rowRecords are the records behind the marks.
type rowRecords struct {
	// mark is the type of the marks.
	mark event.Type
	// marked is the number of the call whose record comes next of its thread.
	marked map[int32]uint32
	queue  []rowRecord
}

type rowRecord struct {
	number uint32
	ev     *event.Event
}

// keep takes a record of the caller.
func (r *rowRecords) keep(rec *event.Record) {
	ev := &rec.Event
	if number, ok := r.marked[ev.Tid]; ok {
		delete(r.marked, ev.Tid)
		r.queue = append(r.queue, rowRecord{number, ev.Clone()})
		return
	}
	if ev.Type == r.mark && ev.Params[1].Num == -1 && ev.Params[2].Num>>32 == markMagic {
		r.marked[ev.Tid] = uint32(ev.Params[2].Num)
	}
}

func TestRows(t *testing.T) {
	testutil.Alone(t)
	if limit, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err != nil || strings.TrimSpace(string(limit)) == "0" {
		t.Skip("needs user namespaces: the calls are made in a cage of them")
	}
	count := rowCalls()
	t.Logf("%d calls, -seed %d", count, *seed)
	r := newReader(t)
	mark, _ := event.TypeByName("lseek")
	r.rows = &rowRecords{mark: mark, marked: map[int32]uint32{}}
	facts, end := startCaller[rowFact](t, r, again{
		role: roleRows, threads: 1, args: []string{"/tmp", strconv.FormatUint(*seed, 10), strconv.Itoa(count)},
		attr: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
			Credential:  &syscall.Credential{NoSetGroups: true},
			UidMappings: []syscall.SysProcIDMap{{HostID: cageUID, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: cageUID, Size: 1}},
		},
	})
	table := call.New()
	made, failures, ok := map[string]int{}, 0, map[string]int{}
	for f := range facts {
		s := r.nextRow(f.Number)
		if s == nil {
			r.checkLoss()
			t.Fatalf("no record came of %s", f.Call)
		}
		made[f.Type.String()]++
		if f.Ret >= 0 {
			ok[f.Type.String()]++
		}
		if diff := f.differences(s, table.Row(f.Type)); diff != nil {
			t.Errorf("%s:", f.Call)
			for _, d := range diff {
				t.Log("  ", d)
			}
			if failures++; failures == maxFailures {
				t.Fatal("and more")
			}
		}
	}
	end()
	r.drain()
	r.checkLoss()
	if len(r.rows.queue) > 0 {
		t.Errorf("%d records are of no call", len(r.rows.queue))
	}
	if !t.Failed() {
		checkMade(t, table, made, ok, count)
	}
}

// checkMade: each row of the table had its calls, but for those that are left out.
func checkMade(t *testing.T, table *call.Table, made, ok map[string]int, count int) {
	t.Helper()
	numbered := map[event.Type]bool{}
	for nr, typ := range table.Native() {
		numbered[typ] = numbered[typ] || nr < firstX32
	}
	sum, succeeded, absent := 0, 0, []string{}
	for _, row := range table.Rows() {
		n := made[row.Name]
		sum, succeeded = sum+n, succeeded+ok[row.Name]
		switch {
		case leftOut[row.Name] != "":
			t.Logf("left out: %s: %s", row.Name, leftOut[row.Name])
		case !numbered[row.Type]:
			absent = append(absent, row.Name)
		case n < count/len(table.Rows()):
			t.Errorf("%s: %d calls were made", row.Name, n)
		}
	}
	t.Logf("not in this machine's table: %s", strings.Join(absent, " "))
	t.Logf("%d records of %d rows compared; %d of the calls succeeded", sum, len(made), succeeded)
	if sum != count {
		t.Errorf("%d calls were made, want %d", sum, count)
	}
}

// nextRow returns the record of a call, nil if it does not come.
func (r *reader) nextRow(number uint32) *event.Event {
	for end := time.Now().Add(deadline); len(r.rows.queue) == 0; {
		if r.drain() > 0 {
			continue
		}
		if time.Now().After(end) {
			return nil
		}
		if err := r.probe.Wait(time.Millisecond); err != nil {
			r.t.Fatal(err)
		}
	}
	first := r.rows.queue[0]
	r.rows.queue = r.rows.queue[1:]
	if first.number != number {
		r.t.Errorf("the record of call %d came, want that of call %d", first.number, number)
		return nil
	}
	return first.ev
}

// differences lists what a record says and is not so.
func (f *rowFact) differences(ev *event.Event, row *call.Row) (out []string) {
	is := func(what string, got, want any) {
		if got != want {
			out = append(out, fmt.Sprintf("%s: %.300q, want %.300q", what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	is("type", ev.Type, f.Type)
	is("result", ev.Ret, f.Ret)
	is("number of parameters", len(ev.Params), len(row.Params))
	if len(out) > 0 || len(f.Params) != len(ev.Params) {
		return out
	}
	for i := range ev.Params {
		p, w, name := &ev.Params[i], &f.Params[i], fmt.Sprintf("%d, %s: ", i, row.Params[i].Name)
		if w.HasNum {
			is(name+"number", p.Num, w.Num)
		}
		if w.HasText {
			is(name+"missing", p.Missing, w.Missing)
			is(name+"text", p.Text, w.Text)
			if !w.MayCut {
				is(name+"truncated", p.Truncated, w.Truncated)
			}
		}
		if w.HasKind {
			is(name+"kind", p.Descriptor.Kind, w.Kind)
		}
		if isPath(&row.Params[i]) && strings.HasPrefix(p.Text, "/") {
			is(name+"absolute", p.Given, filepath.Clean(p.Text))
		}
		// What is not all there says so, whatever its source.
		if isBuffer(&row.Params[i]) && !p.Missing {
			is(name+"flag of what is cut", p.Truncated, uint64(len(p.Text)) < uint64(p.Num))
		}
	}
	return out
}

// isBuffer tells whether a parameter's text is of the number of bytes that is its number.
func isBuffer(p *call.Param) bool {
	switch p.From {
	case bpfgen.SensorParamSourceSOURCE_BYTES, bpfgen.SensorParamSourceSOURCE_VECTOR, bpfgen.SensorParamSourceSOURCE_MESSAGE:
		return true
	}
	return false
}
