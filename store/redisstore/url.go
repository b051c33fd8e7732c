package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// CheckURL says what is wrong with a URL that Open cannot ever open.
func CheckURL(rawURL string) error {
	_, _, err := parseURL(rawURL, Options{})
	return err
}

// parseURL reads the forms that Open documents. Its errors never show the URL, which may hold a password.
func parseURL(rawURL string, o Options) (*redis.UniversalOptions, string, error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return nil, "", errors.New("redisstore: the store URL has no scheme")
	}
	base, mode, _ := strings.Cut(scheme, "+")
	if base == "redis" && mode == "unix" {
		base, mode = "unix", ""
	}
	if mode != "" && (mode != "sentinel" && mode != "cluster" || base == "unix") {
		return nil, "", fmt.Errorf("redisstore: unknown URL scheme %q", scheme)
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	addrs := strings.Split(hosts, ",")
	if len(addrs) > 1 && mode == "" {
		return nil, "", errors.New("redisstore: several hosts: use redis+sentinel:// or redis+cluster://")
	}
	u, err := url.Parse(base + "://" + user + addrs[0] + tail)
	if err != nil {
		return nil, "", errors.New("redisstore: the store URL cannot be parsed")
	}
	query := u.Query()
	prefix := query.Get("prefix")
	query.Del("prefix")
	u.RawQuery = query.Encode()
	master := ""
	switch mode {
	case "sentinel":
		master, u.Path, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if master == "" {
			return nil, "", errors.New("redisstore: redis+sentinel://host:port/master/db: the master's name is missing")
		}
	case "cluster":
		if strings.Trim(u.Path, "/") != "" {
			return nil, "", errors.New("redisstore: a cluster has no database number")
		}
	}
	single, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, "", errors.New("redisstore: the store URL is not of a form like redis://HOST:PORT/NUMBER")
	}
	for i := range addrs {
		if i == 0 {
			addrs[0] = single.Addr
		} else if !strings.Contains(addrs[i], ":") {
			addrs[i] += ":6379"
		}
	}
	if mode == "sentinel" {
		for i, addr := range strings.Split(hosts, ",") {
			if !strings.Contains(addr, ":") {
				addrs[i] = addr + ":26379"
			}
		}
	}
	prefix, err = choosePrefix(prefix, o.Prefix)
	if err != nil {
		return nil, "", err
	}
	if base != "rediss" && o.TLS != nil {
		o.TLS = nil
	}
	return &redis.UniversalOptions{
		Addrs: addrs, MasterName: master, IsClusterMode: mode == "cluster", DB: single.DB,
		Username: single.Username, Password: single.Password, TLSConfig: tlsConfig(single.TLSConfig, o.TLS, mode),
		PoolSize: single.PoolSize, DialTimeout: single.DialTimeout, ReadTimeout: single.ReadTimeout, WriteTimeout: single.WriteTimeout,
	}, prefix, nil
}

// tlsConfig prefers the given configuration; the server's name is that of the URL, or of each host of several.
func tlsConfig(fromURL, given *tls.Config, mode string) *tls.Config {
	if fromURL == nil {
		return nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if given != nil {
		out = given.Clone()
	}
	if out.ServerName == "" && mode == "" {
		out.ServerName = fromURL.ServerName
	}
	return out
}

func choosePrefix(fromURL, fromOptions string) (string, error) {
	prefix := DefaultPrefix
	if fromOptions != "" {
		prefix = fromOptions
	}
	if fromURL != "" {
		prefix = fromURL
	}
	if strings.ContainsAny(prefix, "{}") {
		return "", fmt.Errorf("redisstore: prefix %s: braces are not allowed", strconv.Quote(prefix))
	}
	return prefix, nil
}
