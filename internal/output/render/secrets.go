package render

import "strings"

// secret is a form in which secrets are written.
type secret struct {
	// literals, in lower case: a text that holds none of them has no such secret. None at all tells nothing.
	literals []string
	// expr is a regular expression; what its groups match is the secret, or all of it without groups.
	expr string
}

// namesOfSecrets end the names of options and variables whose values are secret, in lower case.
func namesOfSecrets() []string {
	names := []string{"password", "passwd", "passphrase", "passcode", "storepass", "keypass", "secret", "token", "credential", "credentials"}
	for _, first := range []string{"api", "secret", "access", "auth", "private", "encryption", "signing", "account"} {
		for _, sep := range []string{"", "-", "_"} {
			names = append(names, first+sep+"key")
		}
	}
	return names
}

// shortNames count at the start of a name's part only: no bypass, and no PWD.
const shortNames = `(?:\b|_)pass|[_-]pwd`

// value is what follows a name: all that stands in quotes, or behind one that never ends, or else up to the next blank.
const value = `(?:"([^"]*)"?|'([^']*)'?|(\S+))`

// defaultSecrets are the forms that are known without a configuration. Where the same text fits several, the first one counts.
func defaultSecrets() []secret {
	long := namesOfSecrets()
	names := `(?:` + strings.Join(long, "|") + `|` + shortNames + `)`
	before := func(end string) (out []string) {
		for _, n := range append([]string{"pass", "pwd"}, long...) {
			out = append(out, n+end)
		}
		return out
	}
	return []secret{
		// A key in PEM, or what is left of one that was cut.
		{[]string{"private key-----"}, `(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|\z)`},
		// scheme://user:password@host
		{[]string{"://"}, `://[^\s/:@]*:([^\s/]+)@`},
		// A URL's or a form's parameter ends before the next one.
		{before("="), `(?i)[?&][\w.-]*?` + names + `=([^\s&;#"']+)`},
		// --password=x, DB_PASSWORD=x
		{before("="), `(?i)(?:^|[^?&\w.-])[\w.-]*?` + names + `=` + value},
		// STRIPE_KEY=x, in the environment's capitals
		{[]string{"_key="}, `\b[A-Z][A-Z0-9_]*_KEY=` + value},
		// --password x
		{before(" "), `(?i)(?:^|\s)--?[\w-]*?` + names + ` +(?:"([^"]*)"?|'([^']*)'?|([^\s-]\S*))`},
		// "password": "x"
		{before(`"`), `(?i)"[\w.-]*?` + names + `"\s*:\s*"((?:[^"\\]|\\.)*)`},
		{[]string{"authorization:"}, `(?i)authorization: *(?:(?:basic|bearer|token|digest|negotiate|apikey) +)?([^\s"']+)`},
		// X-Api-Key:x, Private-Token: x
		{before(":"), `(?i)(?:x-[\w-]*?` + names + `: *|` + names + `: +)([^\s"']+)`},
		{[]string{"bearer "}, `(?i)\bbearer +([\w.~+/=-]{8,})`},
		// The password of these stands right behind the letter.
		{[]string{"mysql", "mariadb"}, `(?s)\b(?:mysql|mariadb)[\w-]*\s(?:[^|;&]*?\s)?-p([^\s"']+)`},
		{[]string{"sshpass "}, `\bsshpass\s+(?:-v\s+)?-p\s*(\S+)`},
		{[]string{"redis-cli "}, `\bredis-cli\s(?:[^|;&]*?\s)?-a\s+(\S+)`},
		{[]string{"curl "}, `\bcurl\s(?:[^|;&]*?\s)?(?:-u\s*|--user[ =]|--proxy-user[ =])[^\s:]+:([^\s"']+)`},
		{[]string{"pass:"}, `\s-pass(?:in|out)?\s+pass:(\S+)`}, // openssl
		{[]string{"aws_se"}, `(?i)\baws_(?:secret_access_key|session_token)\s+(\S+)`},
		// An access key's id is no secret; what follows it is.
		{[]string{"akia", "asia"}, `\b(?:AKIA|ASIA)[A-Z0-9]{16}[:,\s]+([A-Za-z0-9/+]{40})\b`},
		// What is a secret by its own form: JSON web tokens, and those of GitHub, GitLab, Slack.
		{[]string{"eyj"}, `\beyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?`},
		{[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, `\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})`},
		{[]string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-"}, `\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{20,}`},
		{[]string{"xox", "xapp-"}, `\bx(?:ox[abeoprs]|app)-[\w-]{10,}`},
		{[]string{"hooks.slack.com"}, `hooks\.slack\.com/services/([\w/]+)`},
	}
}

// secretVariable is the name of an environment variable whose value is secret.
func secretVariable() string {
	return `(?i)(?:` + strings.Join(namesOfSecrets(), "|") + `|` + shortNames + `|(?:^|_)key)$`
}
