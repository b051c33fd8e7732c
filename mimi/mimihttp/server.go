package mimihttp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi"
)

// Provider answers the requests of peers. The peer is the domain that its certificate proves. Each method returns an HTTP status
// and a body; with a status other than 200 or 201 the body is a short text for people. Bodies must not be kept after returning
// unless copied by nobody else: they are the callee's own. Methods are called concurrently.
type Provider interface {
	KeyMaterial(ctx context.Context, peer string, target mimi.URI, body []byte) (status int, response []byte)
	Update(ctx context.Context, peer string, room mimi.URI, body []byte) (status int, response []byte)
	Notify(ctx context.Context, peer string, room mimi.URI, body []byte) (status int, response []byte)
	SubmitMessage(ctx context.Context, peer string, room mimi.URI, body []byte) (status int, response []byte)
	GroupInfo(ctx context.Context, peer string, room mimi.URI, body []byte) (status int, response []byte)
	RequestConsent(ctx context.Context, peer string, target mimi.URI, body []byte) (status int, response []byte)
	UpdateConsent(ctx context.Context, peer string, requester mimi.URI, body []byte) (status int, response []byte)
}

// Reporter is a Provider that takes reports of abuse.
type Reporter interface {
	ReportAbuse(ctx context.Context, peer string, room mimi.URI, body []byte) (status int, response []byte)
}

// Finder is a Provider that can be searched: for users, and for what extensions of the query ask for.
type Finder interface {
	IdentifierQuery(ctx context.Context, peer string, body []byte) (status int, response []byte)
}

// Documents is a Provider that describes its rooms too, by the JSON document of draft-mahy-mimi-group-chat ("Example Use"):
// GET /room/{provider}/{roomId}. The room id is one path segment.
type Documents interface {
	RoomDocument(ctx context.Context, peer string, room mimi.URI) (status int, response []byte)
}

// Handler serves a provider's directory and endpoints.
type Handler struct {
	domain      string
	endpoints   []mimi.Endpoint
	mux         *http.ServeMux
	log         *slog.Logger
	floods      *floods
	bodyTimeout time.Duration
}

// NewHandler serves p as domain. Only the named endpoints that p has exist and appear in the directory; none named means all.
func NewHandler(domain string, p Provider, log *slog.Logger, endpoints ...mimi.Endpoint) *Handler {
	call := map[mimi.Endpoint]func(context.Context, string, mimi.URI, []byte) (int, []byte){
		mimi.EndpointKeyMaterial: p.KeyMaterial, mimi.EndpointUpdate: p.Update, mimi.EndpointNotify: p.Notify, mimi.EndpointSubmitMessage: p.SubmitMessage, mimi.EndpointGroupInfo: p.GroupInfo,
		mimi.EndpointRequestConsent: p.RequestConsent, mimi.EndpointUpdateConsent: p.UpdateConsent,
	}
	if r, ok := p.(Reporter); ok {
		call[mimi.EndpointReportAbuse] = r.ReportAbuse
	}
	if f, ok := p.(Finder); ok {
		call[mimi.EndpointIdentifierQuery] = func(ctx context.Context, peer string, _ mimi.URI, body []byte) (int, []byte) {
			return f.IdentifierQuery(ctx, peer, body)
		}
	}
	if len(endpoints) == 0 {
		endpoints = implemented
	}
	endpoints = slices.DeleteFunc(slices.Clone(endpoints), func(e mimi.Endpoint) bool { return call[e] == nil })
	h := &Handler{domain: domain, endpoints: endpoints, mux: http.NewServeMux(), log: log, floods: newFloods(Rates{RequestRate, ChangeRate}), bodyTimeout: BodyTimeout}
	h.mux.HandleFunc("GET "+mimi.DirectoryPath, func(w http.ResponseWriter, r *http.Request) {
		listing, err := json.MarshalIndent(mimi.NewDirectory("https://"+domain+strings.TrimSuffix(pathPrefix, "/"), h.endpoints...), "", "  ")
		if err != nil {
			panic(err) // a map of strings
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(listing)
	})
	for _, e := range endpoints {
		h.mux.HandleFunc("POST "+pathPrefix+string(e)+"/", func(w http.ResponseWriter, r *http.Request) {
			h.serve(w, r, e, call[e])
		})
	}
	if d, ok := p.(Documents); ok {
		h.mux.HandleFunc("GET /room/{provider}/{roomId}", func(w http.ResponseWriter, r *http.Request) { h.document(w, r, domain, d) })
	}
	return h
}

func (h *Handler) document(w http.ResponseWriter, r *http.Request, domain string, d Documents) {
	peer, err := peerName(r.TLS, r.Header.Get("From"))
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	room, err := mimi.RoomURI(r.PathValue("provider"), r.PathValue("roomId"))
	if err != nil || room.Provider() != domain {
		refuse(w, http.StatusNotFound, "no such room")
		return
	}
	end, wait, why := h.floods.begin(time.Now(), peer, "room", room.String())
	if why != "" {
		later(w, wait)
		refuse(w, http.StatusTooManyRequests, why)
		return
	}
	defer end()
	status, body := d.RoomDocument(r.Context(), peer, room)
	if status != http.StatusOK {
		h.log.Info("room document refused", "peer", peer, "room", room.String(), "status", status)
		refuse(w, status, string(body))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// ServeHTTP answers one request. A panic below it ends that request with 500 and is logged with its stack; the server goes on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			h.log.Error("panic while answering a provider", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			refuse(w, http.StatusInternalServerError, "internal error")
		}
	}()
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, e mimi.Endpoint, call func(context.Context, string, mimi.URI, []byte) (int, []byte)) {
	peer, err := peerName(r.TLS, r.Header.Get("From"))
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	value, err := pathParameter(r.URL.EscapedPath(), e)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	var uri mimi.URI
	if e == mimi.EndpointIdentifierQuery {
		if !strings.EqualFold(value, h.domain) {
			refuse(w, http.StatusNotFound, "domain in the path: is another provider's")
			return
		}
	} else if uri, err = mimi.ParseURI(value); err != nil {
		refuse(w, http.StatusBadRequest, parameter(e)+" in the path: "+err.Error())
		return
	}
	end, wait, why := h.floods.begin(time.Now(), peer, e, uri.String())
	if why != "" {
		h.log.Info("provider request refused", "endpoint", string(e), "peer", peer, "uri", uri.String(), "status", http.StatusTooManyRequests, "text", why)
		later(w, wait)
		refuse(w, http.StatusTooManyRequests, why)
		return
	}
	defer end()
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.bodyTimeout)); err != nil {
		refuse(w, http.StatusInternalServerError, "internal error")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody(e)))
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			refuse(w, http.StatusRequestTimeout, "body did not come in time")
			return
		}
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			refuse(w, http.StatusRequestEntityTooLarge, "body exceeds "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
			return
		}
		refuse(w, http.StatusBadRequest, "body could not be read")
		return
	}
	status, response := call(r.Context(), peer, uri, body)
	if status != http.StatusOK && status != http.StatusCreated {
		h.log.Info("provider request refused", "endpoint", string(e), "peer", peer, "uri", uri.String(), "status", status, "text", string(response[:min(len(response), maxRefusalText)]))
		refuse(w, status, string(response))
		return
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(response)))
	w.WriteHeader(status)
	w.Write(response)
}

// pathParameter takes the parameter out of an escaped path of the form /v1/endpoint/PARAMETER. It is one segment: a peer that
// does not escape the slashes of a URI is understood too, because nothing follows the parameter.
func pathParameter(escaped string, e mimi.Endpoint) (string, error) {
	raw := strings.TrimPrefix(escaped, pathPrefix+string(e)+"/")
	value, err := url.PathUnescape(raw)
	if err != nil {
		return "", errors.New(parameter(e) + " in the path: bad percent-encoding")
	}
	if len(value) > MaxPathParameter {
		return "", errors.New(parameter(e) + " in the path: too long")
	}
	return value, nil
}

// later says when to try again, in whole seconds (RFC 9110 §10.2.3).
func later(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64((min(wait, MaxRetryAfter)+time.Second-1)/time.Second), 10))
}

func refuse(w http.ResponseWriter, status int, text string) {
	if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", strconv.Itoa(int(DefaultRetryAfter/time.Second)))
	}
	if len(text) > maxRefusalText {
		text = text[:maxRefusalText]
	}
	http.Error(w, text, status)
}

// NewServer returns a server for h with this package's limits and timeouts, ready for ServeTLS with empty file names.
func NewServer(id *Identity, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		TLSConfig:         id.ServerTLS(),
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: MaxRequests},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
