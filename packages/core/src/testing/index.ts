export { startNats, startNatsCluster, type NatsFixture, type NatsFixtureOptions } from "./nats.ts";
export { countHiddenClasses } from "./hidden-classes.ts";
