package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/mimihttp"
)

// maxFetched bounds a file that a client fetches, in bytes: it is held in memory until it is known to be what was shared.
const maxFetched = 32 << 20

// downloader fetches an asset by way of a hub, at most limit bytes.
type downloader interface {
	Download(ctx context.Context, hub, asset string, limit int64, w io.Writer) (mimihttp.Reply, error)
}

// fetchCommand carries out: fetch URI URL PATH. A file that somebody shared in the room comes by way of the room's hub, so that who keeps it does not learn
// who reads it (draft-ietf-mimi-protocol-06 §5.10.2), is checked and decrypted, and is written to a new file.
func (c *nativeClient) fetchCommand(room mimi.URI, rest string) error {
	address, path, _ := strings.Cut(rest, " ")
	if path = strings.TrimSpace(path); address == "" || path == "" {
		return errors.New("fetch: wants the file's url, and the path of a new file")
	}
	c.mu.Lock()
	file := c.rooms[room].shared(address)
	c.mu.Unlock()
	if file == nil {
		return fmt.Errorf("fetch: nobody shared %s in %s, as far as is remembered", address, room)
	}
	if c.ctx == nil || c.assets == nil {
		return errors.New("fetch: the client has not started")
	}
	ctx := c.ctx
	c.senders.Go(func() {
		if err := c.fetch(ctx, room, file, path); err != nil && ctx.Err() == nil {
			c.print.error(fmt.Errorf("fetch: %w", err))
		}
	})
	return nil
}

// shared is the file at a URL that was last shared in a room, of the messages that are remembered; nil: none.
func (r *nativeRoom) shared(address string) *content.ExternalPart {
	if r == nil {
		return nil
	}
	for _, h := range slices.Backward(r.heard) {
		m, err := content.Decode(h.said.Content)
		if err != nil {
			continue
		}
		for _, p := range m.Files() {
			if p.External.URL == address {
				return p.External
			}
		}
	}
	return nil
}

func (c *nativeClient) fetch(ctx context.Context, room mimi.URI, file *content.ExternalPart, path string) error {
	var got bytes.Buffer
	reply, err := c.assets.Download(ctx, room.Provider(), file.URL, maxFetched, &got)
	if err != nil {
		return err
	}
	e := clientEvent{Type: "fetched", Room: room.String(), Files: []clientFile{{URL: file.URL}}, Text: path}
	if reply.Status != http.StatusOK {
		e.Type, e.Command, e.Endpoint, e.Status = "refused", "fetch", string(mimi.EndpointProxyDownload), reply.Status
		e.Text = string(reply.Body[:min(len(reply.Body), mimi.MaxErrorText)])
		c.print.emit(e)
		return nil
	}
	data, err := file.Open(got.Bytes())
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	e.Files[0].Size = uint64(len(data))
	c.print.emit(e)
	return nil
}

// filesOf are the files that a message shares.
func filesOf(m *content.Message) (all []clientFile) {
	for _, p := range m.Files() {
		x := p.External
		all = append(all, clientFile{URL: x.URL, Name: x.Filename, ContentType: p.ContentType, Size: x.Size, Encrypted: x.Encryption != 0})
	}
	return all
}
