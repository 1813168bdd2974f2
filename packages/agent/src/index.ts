export { startAgent, type RunningAgent } from "./agent.ts";
export { agentOptionsFrom, type AgentOptions } from "./config.ts";
