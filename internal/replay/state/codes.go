package state

import (
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// codes are all events of Falco's table: what they are, and what they change.
func codes() []codeInfo {
	types := map[string]event.Type{}
	for _, t := range event.AllTypes() {
		types[t.String()] = t
	}
	all := make([]codeInfo, schema.Count())
	places, changes := fdPlaces(), changes()
	for i := range all {
		code := uint16(i)
		e := schema.Lookup(code)
		c := codeInfo{schema: e, typ: types[e.Name], category: categoryOf(e.Category), syscall: e.Category&schema.CategorySyscall != 0, fd: -1}
		if at, ok := places[code]; ok {
			c.fd = at
		}
		c.apply = changes[code]
		all[i] = c
	}
	return all
}

// categoryOf is Falco's word; empty where the descriptor decides it.
func categoryOf(c schema.Category) string {
	for _, w := range []struct {
		category schema.Category
		word     string
	}{
		{schema.CategoryIORead | schema.CategoryIOWrite | schema.CategoryIOOther, ""},
		{schema.CategoryOther, "other"},
		{schema.CategoryFile, "file"},
		{schema.CategoryNet, "net"},
		{schema.CategoryIPC, "IPC"},
		{schema.CategoryMemory, "memory"},
		{schema.CategoryProcess, "process"},
		{schema.CategorySleep, "sleep"},
		{schema.CategorySystem, "system"},
		{schema.CategorySignal, "signal"},
		{schema.CategoryUser, "user"},
		{schema.CategoryTime, "time"},
		{schema.CategoryWait, "wait"},
		{schema.CategoryScheduler, "scheduler"},
		{schema.CategoryInternal, "internal"},
	} {
		if c&w.category != 0 {
			return w.word
		}
	}
	return "unknown"
}

// fdPlaces say which parameter has the descriptor that an event uses.
func fdPlaces() map[uint16]int {
	all := map[uint16]int{}
	at := func(i int, codes ...uint16) {
		for _, c := range codes {
			all[c] = i
		}
	}
	at(1, schema.SetnsX, schema.ListenX, schema.ShutdownX, schema.FchdirX, schema.LseekX, schema.LlseekX, schema.IoctlV3X, schema.FstatX,
		schema.CloseX, schema.GetdentsX, schema.Getdents64X, schema.FlockX, schema.CopyFileRangeX, schema.FcntlX, schema.DupV1X,
		schema.Dup2X, schema.Dup3X, schema.NewfstatatX, schema.FchownatX, schema.FchmodatX, schema.MkdiratX, schema.UnlinkatV2X,
		schema.MknodatX, schema.SendmmsgX, schema.RecvmmsgX, schema.IOUringRegisterX, schema.IOUringEnterX, schema.SetsockoptX,
		schema.GetsockoptX, schema.FsconfigX, schema.FinitModuleX, schema.FchmodX, schema.FchownX)
	at(2, schema.ReadX, schema.PreadX, schema.BindX, schema.WriteX, schema.PwriteX, schema.RecvX, schema.SendX, schema.SendtoX,
		schema.SendmsgX, schema.SendfileX, schema.SpliceX, schema.WritevX, schema.PwritevX, schema.ConnectX, schema.SymlinkatX)
	at(3, schema.RecvfromX, schema.ReadvX, schema.PreadvX)
	at(5, schema.RecvmsgX)
	at(8, schema.MmapX, schema.Mmap2X)
	return all
}

// changes say what each event changes.
func changes() map[uint16]func(*State, *now) {
	all := map[uint16]func(*State, *now){}
	on := func(apply func(*State, *now), codes ...uint16) {
		for _, c := range codes {
			all[c] = apply
		}
	}
	creates := func(k createdKind) func(*State, *now) {
		return func(s *State, n *now) { s.created(n, k) }
	}
	on((*State).entered, schema.OpenE, schema.CreatE, schema.OpenatV2E, schema.Openat2E, schema.ExecveV19E, schema.ExecveatE, schema.ConnectE)
	on((*State).received, schema.ReadX, schema.ReadvX, schema.PreadX, schema.PreadvX, schema.RecvX, schema.RecvfromX, schema.RecvmsgX,
		schema.RecvmmsgX)
	on((*State).sent, schema.WriteX, schema.WritevX, schema.PwriteX, schema.PwritevX, schema.SendX, schema.SendtoX, schema.SendmsgX,
		schema.SendmmsgX)
	on((*State).opened, schema.OpenX, schema.CreatX, schema.OpenatV2X, schema.Openat2X, schema.OpenByHandleAtX)
	on((*State).unshared, schema.UnshareX, schema.SetnsX)
	on((*State).memfd, schema.MemfdCreateX)
	on((*State).forked, schema.CloneV20X, schema.ForkV20X, schema.VforkV20X, schema.Clone3X)
	on((*State).pidfd, schema.PidfdOpenX)
	on((*State).pidfdGet, schema.PidfdGetfdX)
	on((*State).executed, schema.ExecveV19X, schema.ExecveatX)
	on((*State).ended, schema.ProcexitV1E)
	on((*State).piped, schema.PipeX, schema.Pipe2X)
	on((*State).socket, schema.SocketX)
	on((*State).bound, schema.BindX)
	on((*State).connect, schema.ConnectX)
	on((*State).accepted, schema.AcceptV5X, schema.Accept4V6X)
	on((*State).closed, schema.CloseX)
	on((*State).closedRange, schema.CloseRangeX)
	on((*State).controlled, schema.FcntlX)
	on(creates(createdKind{kind: kindEvent}), schema.EventfdX)
	on(creates(createdKind{kind: kindEvent, flags: 1}), schema.Eventfd2X)
	on((*State).changedDir, schema.ChdirX, schema.GetcwdX)
	on((*State).changedDirFD, schema.FchdirX)
	on((*State).duplicated, schema.DupV1X, schema.Dup2X, schema.Dup3X)
	on(creates(createdKind{kind: kindSignal}), schema.SignalfdX)
	on(creates(createdKind{kind: kindSignal, flags: 1}), schema.Signalfd4X)
	on(creates(createdKind{kind: kindTimer, flags: 2}), schema.TimerfdCreateX)
	on(creates(createdKind{kind: kindInotify}), schema.InotifyInitX)
	on(creates(createdKind{kind: kindInotify, flags: 1}), schema.InotifyInit1X)
	on(creates(createdKind{kind: kindBPF}), schema.BPFV2X)
	on(creates(createdKind{kind: kindUserfault}), schema.UserfaultfdX)
	on(creates(createdKind{kind: kindURing}), schema.IOUringSetupX)
	on(creates(createdKind{kind: kindEpoll}), schema.EpollCreateX)
	on(creates(createdKind{kind: kindEpoll, flags: 1, epoll: true}), schema.EpollCreate1X)
	on((*State).limited, schema.GetrlimitX, schema.SetrlimitX)
	on((*State).limitedOther, schema.PrlimitX)
	on((*State).paired, schema.SocketpairX)
	on((*State).switched, schema.SchedswitchV6E)
	on((*State).mapped, schema.BrkV4X, schema.MmapX, schema.Mmap2X, schema.MunmapX)
	on(func(_ *State, n *now) { n.user(2) }, schema.SetresuidX, schema.SetreuidX)
	on(func(_ *State, n *now) { n.group(2) }, schema.SetresgidX, schema.SetregidX)
	on(func(_ *State, n *now) { n.user(1) }, schema.SetuidX)
	on(func(_ *State, n *now) { n.group(1) }, schema.SetgidX)
	on((*State).changedRoot, schema.ChrootX)
	on((*State).newSession, schema.SetsidX)
	on((*State).capabilities, schema.CapsetX)
	on((*State).account, schema.UserAddedE, schema.UserDeletedE, schema.GroupAddedE, schema.GroupDeletedE)
	on((*State).subreaper, schema.PrctlX)
	on((*State).container, schema.ContainerJSONE, schema.ContainerJSONV2E, schema.AsynceventE)
	return all
}
