// What a workspace holds: data sources, pipes, and what flows from where to where.

import { get } from './api.js'

const TARGET = /^\s*TARGET_DATASOURCE\s+(\S+)/m

export class Project {
  static async load() {
    const [workspace, { datasources }, { pipes }] = await Promise.all([
      get('/v1/workspace'), get('/v0/datasources'), get('/v0/pipes')
    ])
    return new Project(workspace, datasources, pipes)
  }

  constructor(workspace, datasources, pipes) {
    this.workspace = workspace
    this.datasources = new Map(datasources.map(found => [found.name, found]))
    this.pipes = new Map(pipes.map(found => [found.name, found]))
  }

  /** datasource, endpoint, materialized, copy, sink, default, or external for what is elsewhere. */
  kind(name) {
    if (this.datasources.has(name)) return 'datasource'
    return this.pipes.get(name)?.type ?? 'external'
  }

  named(kind) {
    return [...this.datasources.keys(), ...this.pipes.keys()].filter(name => this.kind(name) === kind).sort()
  }

  /** The names that a pipe reads, those of its own nodes left out. */
  reads(pipe) {
    const own = new Set(pipe.nodes.map(node => node.name))
    return [...new Set(pipe.nodes.flatMap(node => node.dependencies))].filter(name => !own.has(name))
  }

  /** The data source that a pipe writes into, if any. */
  target(pipe) {
    const view = pipe.nodes.find(node => node.materialized)
    if (view) return view.materialized
    return pipe.type === 'copy' ? TARGET.exec(pipe.content)?.[1] : undefined
  }

  /** [from, to] for each way that rows go. */
  edges() {
    const found = []
    for (const pipe of this.pipes.values()) {
      for (const name of this.reads(pipe)) found.push([name, pipe.name])
      const target = this.target(pipe)
      if (target) found.push([pipe.name, target])
    }
    return found
  }

  /** The parameters of an endpoint and of all pipes that it reads, the required ones first. */
  async parameters(pipe) {
    const found = new Map()
    const waiting = [pipe.name]
    for (const name of waiting) {
      const current = this.pipes.get(name)
      if (!current && !this.datasources.has(name)) return this.describedParameters(pipe)
      if (!current) continue
      for (const given of current.nodes.flatMap(node => node.params)) {
        const known = found.get(given.name)
        if (!known || (given.description && !known.description)) found.set(given.name, given)
      }
      waiting.push(...this.reads(current).filter(below => !waiting.includes(below)))
    }
    const listed = [...found.values()]
    const needed = given => given.required && (given.default ?? null) === null
    return listed.map(given => ({ ...given, required: needed(given) }))
      .sort((a, b) => b.required - a.required)
  }

  /** As the OpenAPI document has them: for tokens that may not see what lies below an endpoint. */
  async describedParameters(pipe) {
    const document = await get('/v0/pipes/openapi.json')
    const found = document.paths[`/v0/pipes/${pipe.name}.json`].get.parameters
    return found.map(({ name, required, description, example, schema }) => ({
      name, required, description, example, default: schema.default, enum: schema.enum,
      type: schema.type[0].toUpperCase() + schema.type.slice(1)
    })).sort((a, b) => b.required - a.required)
  }
}

export const page = (kind, name) =>
  `#/${kind === 'datasource' ? 'datasource' : 'pipe'}/${encodeURIComponent(name)}`

export const KINDS = {
  datasource: 'Data sources',
  endpoint: 'Endpoints',
  materialized: 'Materializations',
  copy: 'Copies',
  sink: 'Sinks',
  default: 'Pipes',
  external: 'Elsewhere'
}
