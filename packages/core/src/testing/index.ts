export { startNats, startNatsCluster, type NatsFixture, type NatsFixtureOptions } from "./nats.ts";
