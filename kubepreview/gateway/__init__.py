"""What answers for the host of a sleeping preview, and wakes it.

Law: anonymous visitors come here, so everything is bounded: connections, what is read of a head, who may
wait, for how long, and how often the apiserver is told. It knows one table of hosts, which a watch fills, and
one word to say: that somebody came. It decides nothing about a preview; the controller does.
"""
