"""Channels: where messages go. One module for each kind; a file says which there are.

A new kind is a module with a class that has `send`, and its maker in `file.MAKERS`.
"""

from observatory.notify.channels.alertmanager import Alertmanager
from observatory.notify.channels.channel import OWN_ALERT, Channel, Sender, Sent, Tools
from observatory.notify.channels.file import ChannelError, read
from observatory.notify.channels.shelf import Channels

__all__ = ["OWN_ALERT", "Alertmanager", "Channel", "ChannelError", "Channels", "Sender", "Sent", "Tools", "read"]
