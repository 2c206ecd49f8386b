"""The agent, asked through the real protocol: peers on loopback that are as strict, or as broken, as services are."""
