"""Architectures whose loss is a mean over tokens, trained part by part: less memory, and several GPUs for one SAE."""
