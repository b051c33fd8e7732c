package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// leaves is what sorting needs of a group: who is removed.
type leaves interface {
	Leaf(i mls.LeafIndex) (*mls.LeafNode, bool)
}

// add sorts one proposal into the change.
func (c *change) add(pg leaves, by *actor, sender mls.Sender, p mls.Proposal) *mimi.Refusal {
	if add, ok := p.(mls.Add); ok {
		client, err := mimi.CredentialClient(add.KeyPackage.LeafNode.Credential)
		if err != nil {
			return deny("credential", "Add: %v", err)
		}
		c.adds = append(c.adds, move{by, client.ClientUser(), client})
		return nil
	}
	if remove, ok := p.(mls.Remove); ok {
		return c.addRemove(pg, by, remove.Removed)
	}
	if p.Type() == mls.ProposalSelfRemove {
		return c.addRemove(pg, by, sender.Leaf)
	}
	if update, ok := p.(mls.Update); ok {
		client, err := mimi.CredentialClient(update.LeafNode.Credential)
		if err != nil {
			return deny("credential", "Update: %v", err)
		}
		if client.ClientUser() != by.user {
			return deny("credential-user", "%s updates its leaf to %s", by.user, client)
		}
		return c.tooEarly(sender, by)
	}
	if update, ok := p.(mls.AppDataUpdate); ok {
		if update.Component == mimi.ComponentParticipantList && !update.Remove {
			return c.addList(by, update.Update)
		}
		c.components = append(c.components, componentUpdate{by, update})
		return nil
	}
	c.others = append(c.others, other{by, p})
	return nil
}

func (c *change) addRemove(pg leaves, by *actor, leaf mls.LeafIndex) *mimi.Refusal {
	node, ok := pg.Leaf(leaf)
	if !ok {
		return deny("remove-blank", "leaf %d is blank", leaf)
	}
	client, err := mimi.CredentialClient(node.Credential)
	if err != nil {
		return deny("credential", "leaf %d: %v", leaf, err)
	}
	c.removes = append(c.removes, move{by, client.ClientUser(), client})
	return nil
}

// addList sorts a participant list update into transitions. A user may be touched once in a commit (mimi-protocol §7.5).
func (c *change) addList(by *actor, data []byte) *mimi.Refusal {
	u, err := mimi.ParseParticipantListUpdate(data)
	if err != nil {
		return deny("list", "%v", err)
	}
	list := c.before.list.Participants
	touch := func(index uint32, to mimi.RoleIndex) *mimi.Refusal {
		if int64(index) >= int64(len(list)) {
			return deny("list-index", "position %d of a list of %d", index, len(list))
		}
		return c.touch(&transition{by, list[index].User, list[index].Role, to})
	}
	for _, change := range u.Changed {
		if r := touch(change.Index, change.Role); r != nil {
			return r
		}
	}
	for _, index := range u.Removed {
		if r := touch(index, mimi.RoleNone); r != nil {
			return r
		}
	}
	for _, p := range u.Added {
		if c.before.RoleOf(p.User) != mimi.RoleNone {
			return deny("list-twice", "%s is already listed", p.User)
		}
		if r := c.touch(&transition{by, p.User, mimi.RoleNone, p.Role}); r != nil {
			return r
		}
	}
	c.lists = append(c.lists, u)
	return nil
}

func (c *change) touch(t *transition) *mimi.Refusal {
	if _, twice := c.transitions[t.target]; twice {
		return deny("list-twice", "%s is touched twice in one commit", t.target)
	}
	c.transitions[t.target] = t
	c.order = append(c.order, t.target)
	return nil
}
