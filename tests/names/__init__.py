"""What names mean: the same questions asked of a genuine Swarm and of skerry, from inside of containers, by
five resolvers. See the stacks for the questions, `swarm.json` for Swarm's answers, `deliberate` for ours that
are others on purpose."""
