package servertest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/template"
)

// The component's block is the one that the README tells an administrator to use.
var prosodyConfig = template.Must(template.New("prosody").Parse(`run_as_root = true
pidfile = "{{.Dir}}/prosody.pid"
data_path = "{{.Dir}}/data"
certificates = "{{.Dir}}/certs"
interfaces = { "127.0.0.1" }
c2s_ports = { {{.ClientPort}} }
c2s_direct_tls_ports = {}
s2s_ports = {}
component_ports = { {{.ComponentPort}} }
http_ports = { {{.WebPort}} }
http_interfaces = { "127.0.0.1" }
http_default_host = "{{.Host}}"
https_ports = {}
consider_websocket_secure = true
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "posix"; "websocket"{{if .Offline}}; "offline"{{end}} }
modules_disabled = { "s2s" }
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_plain"
log = { info = "{{.Dir}}/server.log" }

VirtualHost "{{.Host}}"

Component "{{.Component}}"
    component_secret = "{{.Secret}}"
{{if .Second}}
Component "{{.Second}}"
    component_secret = "{{.Secret}}"
{{end}}{{if .MUC}}
Component "{{.MUC}}" "muc"
    modules_enabled = { "muc_mam" }
    muc_log_by_default = true
{{end}}`))

var prosody = software{
	name: "prosody",
	configure: func(x *XMPP) error {
		accounts := filepath.Join(x.file("data"), encodeProsodyName(x.Host), "accounts")
		for _, dir := range []string{accounts, x.file("certs")} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		for user, password := range x.Users {
			account := fmt.Sprintf("return { [\"password\"] = %s };\n", strconv.Quote(password))
			if err := os.WriteFile(filepath.Join(accounts, encodeProsodyName(user)+".dat"), []byte(account), 0o600); err != nil {
				return err
			}
		}
		var config bytes.Buffer
		if err := prosodyConfig.Execute(&config, x); err != nil {
			return err
		}
		return os.WriteFile(x.file("prosody.cfg.lua"), config.Bytes(), 0o600)
	},
	command: func(x *XMPP) *exec.Cmd {
		return exec.Command("prosody", "--config", x.file("prosody.cfg.lua"), "-F")
	},
	ready: func(*XMPP) bool { return true },
}

// StartProsody starts an installed prosody and returns when its ports accept connections. The caller ends it with Stop.
func StartProsody(o XMPPOptions) (*XMPP, error) {
	if _, err := exec.LookPath("prosody"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotInstalled, err)
	}
	return startXMPP(prosody, o)
}

// encodeProsodyName writes every byte but letters and digits as %hh, as Prosody's data manager names its files.
func encodeProsodyName(s string) string {
	var b bytes.Buffer
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}
