package cloudtrail

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/document"
)

// Fields are those of the source. Where Falco's plugin has a quirk, so have these: rules were written against it.
func Fields() []field.Info {
	all := slices.Concat(eventFields(), userFields(), requestFields(), detailFields(), serviceFields())
	for i := range all {
		all[i].Class, all[i].Cost = "aws_cloudtrail", 2
	}
	return all
}

// text is a field at a path; what is no text there is an empty one.
func text(name, doc string, keys ...string) field.Info {
	return made(name, doc, func(d *fastjson.Value) (string, bool) { return at(d, keys...) })
}

func at(d *fastjson.Value, keys ...string) (string, bool) {
	v := d.Get(keys...)
	return document.String(v), v != nil
}

// raw is a field that shows the JSON at a path.
func raw(name, doc string, keys ...string) field.Info {
	return made(name, doc, func(d *fastjson.Value) (string, bool) {
		v := d.Get(keys...)
		if v == nil {
			return "", false
		}
		return string(v.MarshalTo(nil)), true
	})
}

// flag is a field that says true or false.
func flag(name, doc string, keys ...string) field.Info {
	return made(name, doc, func(d *fastjson.Value) (string, bool) {
		if d.GetBool(keys...) {
			return "true", true
		}
		return "false", d.Exists(keys...)
	})
}

// made is a field whose text is made of the document.
func made(name, doc string, get func(*fastjson.Value) (string, bool)) field.Info {
	return field.Info{Name: name, Doc: doc, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) (ok bool) {
		v.Str, ok = get(ev.Document)
		return ok
	}}
}

// number is a field that is a number.
func number(name, doc string, get func(*fastjson.Value) (uint64, bool)) field.Info {
	in := field.Info{Name: name, Doc: doc, Type: field.Uint64, Format: field.Dec}
	in.Extract = func(ev *event.Event, _ field.Arg, v *field.Value) bool {
		n, ok := get(ev.Document)
		v.Num = int64(n)
		return ok
	}
	return in
}

func eventFields() []field.Info {
	return []field.Info{
		text("ct.id", "Id of the event.", "eventID"),
		text("ct.error", "Code of the error; missing if there was none.", "errorCode"),
		text("ct.errormessage", "What the error says.", "errorMessage"),
		text("ct.time", "Time of the event, as it is written in it.", "eventTime"),
		text("ct.src", "Service that was asked: ec2.amazonaws.com.", "eventSource"),
		made("ct.shortsrc", "The same without .amazonaws.com.", func(d *fastjson.Value) (string, bool) {
			s, ok := at(d, "eventSource")
			return short(s), ok
		}),
		text("ct.name", "Name of the event: ConsoleLogin, RunInstances, ….", "eventName"),
		text("ct.region", "Region of the request.", "awsRegion"),
		text("ct.srcip", "Address or service that sent it.", "sourceIPAddress"),
		text("ct.useragent", "Program that sent it.", "userAgent"),
		made("ct.info", "Summary: who, from where, what, and on what.", func(d *fastjson.Value) (string, bool) { return summary(d), true }),
		flag("ct.managementevent", "Whether it is about the management of resources.", "managementEvent"),
		flag("ct.readonly", "Whether it only reads.", "readOnly"),
		text("ct.requestid", "Id of the request.", "requestID"),
		text("ct.eventtype", "Type of the event: AwsApiCall, AwsConsoleSignIn, ….", "eventType"),
		text("ct.apiversion", "Version of the API.", "apiVersion"),
		made("ct.resources", "Resources, as JSON, with commas between them.", func(d *fastjson.Value) (string, bool) {
			var all []string
			for _, r := range d.GetArray("resources") {
				all = append(all, string(r.MarshalTo(nil)))
			}
			return strings.Join(all, ","), len(all) > 0
		}),
		text("ct.recipientaccountid", "Account that got the event.", "recipientAccountId"),
		text("ct.serviceeventdetails", "What a service says of its own event.", "serviceEventDetails"),
		text("ct.sharedeventid", "Id that the event has in several accounts.", "sharedEventID"),
		text("ct.vpcendpointid", "VPC endpoint that the request came through.", "vpcEndpointId"),
		text("ct.eventcategory", "Category of the event: Management, Data, ….", "eventCategory"),
	}
}

// short is a service's name without the domain, unless it is nothing else.
func short(service string) string {
	const domain = ".amazonaws.com"
	if len(service) > len(domain) {
		return strings.TrimSuffix(service, domain)
	}
	return service
}

func userFields() []field.Info {
	return []field.Info{
		made("ct.user", "Name of the user, of an assumed role that of the role.", user),
		made("ct.originaluser", "Name of the user, of an assumed role that of the session.", originalUser),
		made("ct.user.accountid", "Account of the user, or the one that got the event.", func(d *fastjson.Value) (string, bool) {
			if id, ok := at(d, "userIdentity", "accountId"); ok {
				return id, true
			}
			return at(d, "recipientAccountId")
		}),
		text("ct.user.identitytype", "Kind of the user: Root, IAMUser, AssumedRole, ….", "userIdentity", "type"),
		text("ct.user.principalid", "Principal id of the user.", "userIdentity", "principalId"),
		text("ct.user.arn", "ARN of the user.", "userIdentity", "arn"),
	}
}

func user(d *fastjson.Value) (string, bool) {
	switch kind := document.String(d, "userIdentity", "type"); kind {
	case "Root", "IAMUser":
		return at(d, "userIdentity", "userName")
	case "AWSService":
		return at(d, "userIdentity", "invokedBy")
	case "AssumedRole":
		if role, ok := at(d, "userIdentity", "sessionContext", "sessionIssuer", "userName"); ok {
			return role, true
		}
		return kind, true
	case "AWSAccount", "FederatedUser":
		return kind, true
	}
	return "", false
}

func originalUser(d *fastjson.Value) (string, bool) {
	if document.String(d, "userIdentity", "type") != "AssumedRole" {
		return at(d, "userIdentity", "userName")
	}
	if parts := strings.Split(document.String(d, "userIdentity", "arn"), "/"); len(parts) == 3 {
		return parts[2], true
	}
	if parts := strings.Split(document.String(d, "userIdentity", "principalId"), ":"); len(parts) == 2 {
		return parts[1], true
	}
	return "", false
}

func requestFields() []field.Info {
	all := []field.Info{
		text("ct.response.subnetid", "Subnet of the response.", "responseElements", "subnetId"),
		text("ct.response.reservationid", "Reservation of the response.", "responseElements", "reservationId"),
		raw("ct.response", "The whole response, as JSON.", "responseElements"),
		raw("ct.request", "All parameters of the request, as JSON.", "requestParameters"),
		// Falco's plugin looks for the field under another spelling, and never finds a value.
		made("ct.request.documentname", "Always missing, as in Falco's plugin.", func(*fastjson.Value) (string, bool) { return "", false }),
	}
	for _, p := range [][2]string{
		{"availabilityzone", "availabilityZone"}, {"cluster", "cluster"}, {"functionname", "functionName"}, {"groupname", "groupName"},
		{"host", "Host"}, {"name", "name"}, {"policy", "policy"}, {"reason", "reason"}, {"target", "target"},
		{"serialnumber", "serialNumber"}, {"servicename", "serviceName"}, {"subnetid", "subnetId"}, {"taskdefinition", "taskDefinition"},
		{"username", "userName"},
	} {
		all = append(all, text("ct.request."+p[0], "Parameter "+p[1]+" of the request.", "requestParameters", p[1]))
	}
	return all
}

func detailFields() []field.Info {
	return []field.Info{
		text("ct.addendum.reason", "Why the event, or a part of it, came late.", "addendum", "reason"),
		text("ct.addendum.updatedfields", "Fields that an addendum changes.", "addendum", "updatedFields"),
		text("ct.addendum.originalrequestid", "Id of the request that it is about.", "addendum", "originalRequestID"),
		text("ct.addendum.originaleventid", "Id of the event that it is about.", "addendum", "originalEventID"),
		flag("ct.sessioncredentialfromconsole", "Whether a session of the console made the request.", "sessionCredentialFromConsole"),
		text("ct.edgedevicedetails", "Edge devices that are the target.", "edgeDeviceDetails"),
		text("ct.tlsdetails.tlsversion", "Version of TLS.", "tlsDetails", "tlsVersion"),
		text("ct.tlsdetails.ciphersuite", "Cipher suite.", "tlsDetails", "cipherSuite"),
		text("ct.tlsdetails.clientprovidedhostheader", "Name of the host that the client asked for.", "tlsDetails", "clientProvidedHostHeader"),
		raw("ct.additionaleventdata", "More data of the event, as JSON.", "additionalEventData"),
	}
}
