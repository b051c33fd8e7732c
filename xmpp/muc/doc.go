// Package muc holds the payloads of Multi-User Chat and of the extensions around it as Go values, each read from and
// written to an [xmpp.Element].
//
// Specifications: XEP-0045 1.35.5 and XEP-0004, 0030, 0059, 0077, 0092, 0115, 0128, 0199, 0203, 0249, 0297, 0313, 0359, 0410,
// 0421 as far as their payloads go. What the payloads mean is decided by package mucmap.
//
// A Parse function returns as error what may be sent back to the peer: its dynamic type is *[xmpp.StanzaError]. Unknown
// elements and attributes are ignored, as XMPP wants; unknown values of known attributes are refused.
//
// Not implemented: the media element of forms (XEP-0221), item tables of forms ("reported" and "item"), jingle and vCard payloads.
//
// The package is pure. Values are safe for concurrent reading.
package muc
