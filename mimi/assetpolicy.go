package mimi

import (
	"slices"
	"strings"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// LinkPreviewPolicy is the data and the update of ComponentLinkPreviewPolicy (draft-ietf-mimi-room-policy-04 §7.3). Proxy is empty where its use is forbidden.
// The draft writes the proxy as Uri<V>; here it is one opaque<V>, as its other URIs are.
type LinkPreviewPolicy struct {
	Autodetect Optionality // composers find links in text; never Required
	Send       Optionality // who sends a link sends its preview
	Automatic  Optionality // who receives a link makes its preview
	ProxyUse   Optionality // of a proxy that makes previews
	Proxy      string
}

func (p *LinkPreviewPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Autodetect))
	w.U8(uint8(p.Send))
	w.U8(uint8(p.Automatic))
	w.U8(uint8(p.ProxyUse))
	if p.ProxyUse != Forbidden {
		w.OpaqueString(p.Proxy)
	}
}

func (p *LinkPreviewPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = LinkPreviewPolicy{}
	if p.Autodetect = readOptionality(r, "LinkPreviewPolicy.autodetect_hyperlinks_in_text"); p.Autodetect == Required {
		r.Fail("links are never required to be found in text")
	}
	p.Send = readOptionality(r, "LinkPreviewPolicy.send_link_previews")
	p.Automatic = readOptionality(r, "LinkPreviewPolicy.automatic_link_previews")
	if p.ProxyUse = readOptionality(r, "LinkPreviewPolicy.link_preview_proxy_use"); p.ProxyUse == Forbidden {
		return
	}
	if p.Proxy = readText(r, "LinkPreviewPolicy.link_preview_proxy", MaxURI); p.Proxy == "" && r.Err() == nil {
		r.Fail("a proxy is missing")
	}
}

// AssetLocation says where the assets of a room are uploaded (§7.4).
type AssetLocation uint8

const (
	AssetsAnywhere AssetLocation = 0
	AssetsLocally  AssetLocation = 1 // with the sender's provider
	AssetsWithHub  AssetLocation = 2
)

// Limits of an asset policy.
const (
	maxAssetDomains = 256 // providers, and hosts of each
	maxAssetTypes   = 256
	maxDomain       = 255
)

// DownloadType is a way to fetch assets (§7.4).
type DownloadType uint8

const (
	DownloadDirect DownloadType = 0
	DownloadProxy  DownloadType = 1 // by way of the hub
	DownloadOHTTP  DownloadType = 2
)

// AssetDomains are the hosts at which one provider's users upload assets.
type AssetDomains struct {
	Provider string
	Hosts    []string
}

// AssetPolicy is the data and the update of ComponentAssetPolicy. Sizes are in bytes. The draft writes the permitted media types as optional<MediaType>
// with <V> behind: here an optional list.
type AssetPolicy struct {
	Location                                AssetLocation
	Domains                                 []AssetDomains
	Allowed, Denied                         []DownloadType
	Default                                 DownloadType
	MaxImage, MaxAudio, MaxVideo, MaxAttach uint64
	Forbidden                               []mls.MediaType
	OnlyPermitted                           bool // Permitted is there
	Permitted                               []mls.MediaType
}

func (p *AssetPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Location))
	w.Vector(func(w *wire.Writer) {
		for i := range p.Domains {
			w.OpaqueString(p.Domains[i].Provider)
			w.Vector(func(w *wire.Writer) {
				for _, host := range p.Domains[i].Hosts {
					w.OpaqueString(host)
				}
			})
		}
	})
	writeIntegers(w, p.Allowed, 1)
	writeIntegers(w, p.Denied, 1)
	w.U8(uint8(p.Default))
	for _, n := range []uint64{p.MaxImage, p.MaxAudio, p.MaxVideo, p.MaxAttach} {
		w.U64(n)
	}
	wire.WriteVector(w, p.Forbidden)
	w.Optional(p.OnlyPermitted, func(w *wire.Writer) { wire.WriteVector(w, p.Permitted) })
}

func (p *AssetPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = AssetPolicy{}
	if p.Location = AssetLocation(r.At("AssetPolicy.asset_upload_location").U8()); p.Location > AssetsWithHub {
		r.Failf("unknown location %d", p.Location)
	}
	p.Domains = readList(r, "AssetPolicy.upload_domains", maxAssetDomains, func(r *wire.Reader, d *AssetDomains) {
		d.Provider = readText(r, "ProviderAssetUploadDomains.provider", maxDomain)
		d.Hosts = readList(r, "ProviderAssetUploadDomains.asset_upload_destinations", maxAssetDomains, func(r *wire.Reader, host *string) {
			*host = readText(r, "DomainName.domain", maxDomain)
		})
	})
	if p.Location == AssetsWithHub && len(p.Domains) != 1 && r.Err() == nil {
		r.Fail("assets are uploaded to the hub: its provider, and no other, has domains")
	}
	p.Allowed = readDownloads(r, "DownloadPrivacy.allowed_download_types")
	p.Denied = readDownloads(r, "DownloadPrivacy.forbidden_download_types")
	if p.Default = DownloadType(r.At("DownloadPrivacy.default_download_type").U8()); p.Default > DownloadOHTTP {
		r.Failf("unknown download type %d", p.Default)
	}
	if r.Err() == nil && slices.ContainsFunc(p.Denied, func(d DownloadType) bool { return d == p.Default || slices.Contains(p.Allowed, d) }) {
		r.Fail("a download type is forbidden and allowed")
	}
	for _, n := range []*uint64{&p.MaxImage, &p.MaxAudio, &p.MaxVideo, &p.MaxAttach} {
		*n = r.At("AssetPolicy.max").U64()
	}
	p.Forbidden = readMediaTypes(r, "AssetPolicy.forbidden_media_types")
	p.OnlyPermitted = r.At("AssetPolicy.permitted_media_types").Optional(func(r *wire.Reader) {
		p.Permitted = readMediaTypes(r, "AssetPolicy.permitted_media_types")
	})
}

func readDownloads(r *wire.Reader, field string) []DownloadType {
	list := readIntegers[DownloadType](r, field, 1, maxAssetTypes)
	for _, d := range list {
		if d > DownloadOHTTP {
			r.Failf("unknown download type %d", d)
		}
	}
	return list
}

func readMediaTypes(r *wire.Reader, field string) []mls.MediaType {
	return readList(r, field, maxAssetTypes, func(r *wire.Reader, m *mls.MediaType) { m.UnmarshalTLS(r) })
}

// Asset is what a policy is asked about: a file that a message of a provider's user refers to. MediaType has no parameters that matter, Size 0 is unknown.
type Asset struct {
	Provider, Host, MediaType string
	Size                      uint64
}

// Fault says why a room with this policy does not take an asset; empty: it does.
func (p *AssetPolicy) Fault(a *Asset) string {
	if why := p.placeFault(a); why != "" {
		return why
	}
	kind, _, _ := strings.Cut(a.MediaType, "/")
	bound, what := p.MaxAttach, "files"
	switch strings.ToLower(kind) {
	case "image":
		bound, what = p.MaxImage, "images"
	case "audio":
		bound, what = p.MaxAudio, "sounds"
	case "video":
		bound, what = p.MaxVideo, "videos"
	}
	of := func(list []mls.MediaType) bool {
		return slices.ContainsFunc(list, func(m mls.MediaType) bool {
			return len(m.Parameters) == 0 && strings.EqualFold(m.Type, bareType(a.MediaType))
		})
	}
	switch {
	case of(p.Forbidden), p.OnlyPermitted && !of(p.Permitted):
		return "this room does not take files of type " + bareType(a.MediaType)
	case a.Size > bound:
		return "this file is larger than this room takes " + what
	}
	return ""
}

// placeFault holds where assets are uploaded: with the hub all of them, with the providers each one with its sender's.
func (p *AssetPolicy) placeFault(a *Asset) string {
	if p.Location == AssetsAnywhere {
		return ""
	}
	for i := range p.Domains {
		d := &p.Domains[i]
		if (p.Location == AssetsWithHub || d.Provider == a.Provider) && slices.ContainsFunc(d.Hosts, func(h string) bool { return strings.EqualFold(h, a.Host) }) {
			return ""
		}
	}
	return "this room does not take files from " + a.Host
}

func bareType(mediaType string) string {
	bare, _, _ := strings.Cut(mediaType, ";")
	return strings.TrimSpace(bare)
}

// ParseAssetPolicy decodes an asset policy.
func ParseAssetPolicy(b []byte) (*AssetPolicy, error) { return unmarshal[AssetPolicy](b) }

// ParseLinkPreviewPolicy decodes a link preview policy.
func ParseLinkPreviewPolicy(b []byte) (*LinkPreviewPolicy, error) {
	return unmarshal[LinkPreviewPolicy](b)
}

// ParseStatusNotificationPolicy decodes a status notification policy.
func ParseStatusNotificationPolicy(b []byte) (*StatusNotificationPolicy, error) {
	return unmarshal[StatusNotificationPolicy](b)
}

// ParseJoinLinkPolicy decodes a join link policy.
func ParseJoinLinkPolicy(b []byte) (*JoinLinkPolicy, error) { return unmarshal[JoinLinkPolicy](b) }
