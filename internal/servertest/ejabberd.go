package servertest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// The listener for the component is the one that the README tells an administrator to use.
var ejabberdConfig = template.Must(template.New("ejabberd").Parse(`hosts:
  - {{.Host}}
loglevel: info
auth_method: internal
auth_password_format: plain
s2s_access: none
listen:
  - port: {{.ClientPort}}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
  - port: {{.WebPort}}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /xmpp-websocket: ejabberd_http_ws
  - port: {{.ComponentPort}}
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts: { {{.Component}}: { password: {{.Secret}} }{{if .Second}}, {{.Second}}: { password: {{.Secret}} }{{end}} }
{{- if .Second}}
    global_routes: false # otherwise each of the two connections gets what is for the other
{{- end}}
modules:
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
{{- if .Offline}}
  mod_offline: {}
{{- end}}
{{- if .MUC}}
  mod_muc:
    host: {{.MUC}}
    max_users: 10000
    max_user_conferences: 10000
    default_room_options: { max_users: 10000, mam: true }
  mod_mam: {}
{{- end}}
`))

var ejabberd = software{
	name: "ejabberd",
	configure: func(x *XMPP) error {
		var config bytes.Buffer
		if err := ejabberdConfig.Execute(&config, x); err != nil {
			return err
		}
		return os.WriteFile(x.file("ejabberd.yml"), config.Bytes(), 0o600)
	},
	command: ejabberdCommand,
	ready:   func(x *XMPP) bool { return exists(x.file("ready")) },
}

// StartEjabberd starts an installed ejabberd and returns when its ports accept connections. The caller ends it with Stop.
func StartEjabberd(o XMPPOptions) (*XMPP, error) {
	if _, err := exec.LookPath("erl"); err != nil || ejabberdLibraries() == "" {
		return nil, fmt.Errorf("%w: ejabberd", ErrNotInstalled)
	}
	return startXMPP(ejabberd, o)
}

// ejabberdLibraries is the folder with Erlang's applications in which ejabberd is installed.
func ejabberdLibraries() string {
	found, err := filepath.Glob("/usr/lib/*/ejabberd-*/ebin/ejabberd.app")
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(found[0])))
}

// ejabberdCommand runs the Erlang machine itself, as a node without a name: it asks for no epmd, which would outlive it, and shares
// nothing with an ejabberd of the system. When ejabberd runs, the accounts are registered; then a file says that it is ready.
func ejabberdCommand(x *XMPP) *exec.Cmd {
	os.Remove(x.file("ready"))
	var then strings.Builder
	for _, user := range slices.Sorted(maps.Keys(x.Users)) {
		fmt.Fprintf(&then, "ejabberd_auth:try_register(%s, %s, %s), ", erlangBinary(user), erlangBinary(x.Host), erlangBinary(x.Users[user]))
	}
	fmt.Fprintf(&then, "ok = file:write_file(%s, <<>>).", erlangBinary(x.file("ready")))
	cmd := exec.Command("erl", "-noinput", "+K", "true", "-mnesia", "dir", `"`+x.file("mnesia")+`"`, "-s", "ejabberd", "-eval", then.String())
	cmd.Env = append(os.Environ(), "ERL_LIBS="+ejabberdLibraries(), "HOME="+x.Dir, "ERL_CRASH_DUMP_BYTES=0",
		"EJABBERD_CONFIG_PATH="+x.file("ejabberd.yml"), "EJABBERD_LOG_PATH="+x.file("server.log"))
	return cmd
}

// erlangBinary writes a string as an Erlang term that needs no quoting.
func erlangBinary(s string) string {
	numbers := make([]string, len(s))
	for i := range len(s) {
		numbers[i] = fmt.Sprint(s[i])
	}
	return "<<" + strings.Join(numbers, ",") + ">>"
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
