package config

import "reflect"

// reloadable are the keys whose change takes effect without a restart.
var reloadable = map[string]bool{"log.level": true, "provider.peers": true, "provider.networks": true, "provider.certificate": true, "provider.key": true, "provider.trust": true,
	"provider.authority": true, "provider.authority_key": true, "provider.authorities": true, "provider.basic": true}

// Changes lists the keys whose values differ: those that can be taken over by a running process, and those that need a restart.
func Changes(old, new *Config) (reload, restart []string) {
	for _, f := range fields() {
		if reflect.DeepEqual(f.value(old).Interface(), f.value(new).Interface()) {
			continue
		}
		if reloadable[f.key()] {
			reload = append(reload, f.key())
		} else {
			restart = append(restart, f.key())
		}
	}
	return reload, restart
}
