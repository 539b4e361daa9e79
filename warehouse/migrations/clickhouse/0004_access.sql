-- Who may do what, on servers that let this login say so: {access} marks what the others, and the embedded engine, leave
-- out. Roles have the prefix of the databases in their names, and privileges in all generations, those to come included.

{access} create role if not exists {prefix}_pipeline {on_cluster};
{access} create role if not exists {prefix}_api {on_cluster};
{access} create role if not exists {prefix}_readonly {on_cluster};

-- The pipeline fills the tables, and makes and drops generations when it rebuilds.
{access} grant {on_cluster} select, insert, create database, create table, create view, drop database, drop table, drop view, alter, truncate, optimize, show on {prefix}_g*.* to {prefix}_pipeline;
{access} grant {on_cluster} select on system.tables to {prefix}_pipeline;
{access} grant {on_cluster} select on system.columns to {prefix}_pipeline;
{access} grant {on_cluster} select on system.mutations to {prefix}_pipeline;
{access} grant {on_cluster} select on system.settings to {prefix}_pipeline;
{access} grant {on_cluster} cluster on *.* to {prefix}_pipeline;

-- Answers only read. Without a privilege for sources, no question reaches files, addresses or other servers.
{access} grant {on_cluster} select, show on {prefix}_g*.* to {prefix}_api;
{access} grant {on_cluster} select on system.settings to {prefix}_api;
{access} create settings profile if not exists {prefix}_api {on_cluster} settings max_execution_time max 600, max_memory_usage max 17179869184, allow_ddl = 0 const, allow_introspection_functions = 0 const to {prefix}_api;

-- Dashboards and analysts write SQL of their own: it reads, and it ends.
{access} grant {on_cluster} select, show on {prefix}_g*.* to {prefix}_readonly;
{access} create settings profile if not exists {prefix}_readonly {on_cluster} settings readonly = 2, max_execution_time = 30 max 60, max_memory_usage = 2147483648 max 4294967296, max_rows_to_read = 2000000000 max 10000000000, max_result_rows = 1000000 max 10000000, max_threads = 2 max 4, allow_introspection_functions = 0 const to {prefix}_readonly;
