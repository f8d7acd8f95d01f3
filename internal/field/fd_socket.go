package field

import "github.com/saker-sensor/saker/internal/event"

// fdSocket are the fields of connections. No call on sockets is captured yet, so most are missing; a few have a value
// for files too, as in Falco.
func fdSocket() []Info {
	const both = FilterOnly | NoRHS | NoTransformer
	either := func(name string, t Type, f Format, doc string) Info {
		in := absent(name, t, f, doc).with(both)
		in.Quantifier = Either
		return in
	}
	addr := func(name, doc string) Info { return absent(name, IPAddr, Plain, doc) }
	port := func(name, doc string) Info { return absent(name, Port, Dec, doc) }
	network := func(name, doc string) Info { return absent(name, IPNet, Plain, doc).with(both) }
	lookup := func(name, doc string) Info { return absentText(name, doc).with(NoRHS | NoTransformer) }
	notSocket := func(name, doc string) Info {
		return boolean(name, doc, func(ev *event.Event) (bool, bool) { return false, isOpened(ev) || isRing(ev) })
	}
	return []Info{
		either("fd.ip", IPAddr, Plain, "Address of either end."),
		addr("fd.cip", "Address of the client."),
		addr("fd.sip", "Address of the server."),
		addr("fd.lip", "Address of this machine's end."),
		addr("fd.rip", "Address of the other end."),
		either("fd.port", Port, Dec, "Port of either end."),
		port("fd.cport", "Port of the client."),
		port("fd.sport", "Port of the server."),
		port("fd.lport", "Port of this machine's end."),
		port("fd.rport", "Port of the other end."),
		text("fd.l4proto", "Protocol of a socket: tcp, udp, icmp, raw; \"<NA>\" for what is no socket.",
			func(ev *event.Event) (string, bool) {
				return na, isOpened(ev) || isRing(ev)
			}),
		absentText("fd.sockfamily", "Family of a socket: ip or unix."),
		notSocket("fd.is_server", "Whether the process is the server of the connection."),
		either("fd.proto", Port, Plain, "Service of either end."),
		absentText("fd.cproto", "Service of the client's port."),
		absentText("fd.sproto", "Service of the server's port."),
		absentText("fd.lproto", "Service of the port of this machine's end."),
		absentText("fd.rproto", "Service of the port of the other end."),
		either("fd.net", IPNet, Plain, "Network of either end."),
		network("fd.cnet", "Network of the client."),
		network("fd.snet", "Network of the server."),
		network("fd.lnet", "Network of this machine's end."),
		network("fd.rnet", "Network of the other end."),
		notSocket("fd.connected", "Whether the socket is connected."),
		boolean("fd.name_changed", "Whether this call gave the descriptor another name; an open does.", func(ev *event.Event) (bool, bool) {
			return isOpened(ev), isOpened(ev) || isRing(ev)
		}),
		lookup("fd.cip.name", "Host name of the client."),
		lookup("fd.sip.name", "Host name of the server."),
		lookup("fd.lip.name", "Host name of this machine's end."),
		lookup("fd.rip.name", "Host name of the other end."),
	}
}

// fdList are the fields of calls on many descriptors: poll and its like.
func fdList() []Info {
	return []Info{
		absent("fdlist.nums", CharBuf, ID, "Numbers of the descriptors, joined by commas."),
		absentText("fdlist.names", "Names of the descriptors, joined by commas."),
		absentText("fdlist.cips", "Addresses of the clients, joined by commas."),
		absentText("fdlist.sips", "Addresses of the servers, joined by commas."),
		absent("fdlist.cports", CharBuf, Dec, "Ports of the clients, joined by commas."),
		absent("fdlist.sports", CharBuf, Dec, "Ports of the servers, joined by commas."),
	}
}
