-- Cases that need nothing of a driver but "run this text and report what came
-- back". Every suite runs them, each case on a connection of its own.
--
--   --# name [needs=capability[,capability]]     starts a case
--   GO                                           on a line of its own ends a batch
--   {p}                                          stands for a prefix of object names, one per suite
--
-- Text here must give the same answer on every run: no clock, no session ids,
-- no generated constraint names.

--# session/select-one
SELECT 1 AS one

--# session/database
SELECT DB_NAME() AS db

--# session/use-database
USE master
GO
SELECT DB_NAME() AS db

--# session/set-datefirst
SET DATEFIRST 3
GO
SELECT @@DATEFIRST AS datefirst

--# session/set-lock-timeout
SET LOCK_TIMEOUT 1234
GO
SELECT @@LOCK_TIMEOUT AS lock_timeout

--# session/set-rowcount needs=rowcount
SET ROWCOUNT 2
GO
SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 ORDER BY n
GO
SET ROWCOUNT 0
GO
SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 ORDER BY n

--# session/context-info needs=context_info
SET CONTEXT_INFO 0x0102030405
GO
SELECT SUBSTRING(CONTEXT_INFO(), 1, 5) AS ci

--# session/temp-table-lives-across-batches
CREATE TABLE #t (a int NOT NULL, b nvarchar(20) NULL)
GO
INSERT INTO #t (a, b) VALUES (1, N'one'), (2, NULL)
GO
SELECT a, b FROM #t ORDER BY a
GO
DROP TABLE #t
GO
SELECT a FROM #t

--# session/variables
DECLARE @a int = 41, @s nvarchar(10) = N'x'
SET @a = @a + 1
SELECT @a AS a, @s + N'y' AS s

--# session/empty-batch
 
--# types/bit
SELECT CAST(0 AS bit) AS f, CAST(1 AS bit) AS t, CAST(NULL AS bit) AS n

--# types/integers
SELECT CAST(0 AS tinyint) AS t0, CAST(255 AS tinyint) AS t1, CAST(NULL AS tinyint) AS tn,
 CAST(-32768 AS smallint) AS s0, CAST(32767 AS smallint) AS s1, CAST(NULL AS smallint) AS sn,
 CAST(-2147483648 AS int) AS i0, CAST(2147483647 AS int) AS i1, CAST(NULL AS int) AS i2,
 CAST(-9223372036854775808 AS bigint) AS b0, CAST(9223372036854775807 AS bigint) AS b1, CAST(NULL AS bigint) AS bn

--# types/decimal
SELECT CAST('12345.6789' AS decimal(9,4)) AS p9, CAST('-1234567890123.456789' AS decimal(19,6)) AS p19,
 CAST('0' AS decimal(5,0)) AS zero, CAST('-0.01' AS numeric(5,2)) AS small, CAST(NULL AS decimal(18,2)) AS n

--# types/decimal38 needs=decimal38
SELECT CAST('99999999999999999999999999999999999999' AS decimal(38,0)) AS hi,
 CAST('-99999999999999999999999999999999999999' AS decimal(38,0)) AS lo,
 CAST('0.12345678901234567890123456789012345678' AS decimal(38,38)) AS frac,
 CAST('1234567890123456789012345678.0123456789' AS decimal(38,10)) AS mixed

--# types/float
SELECT CAST(1.7976931348623157E+308 AS float) AS hi, CAST(-1.7976931348623157E+308 AS float) AS lo,
 CAST(2.2250738585072014E-308 AS float) AS tiny, CAST(0.1 AS float) AS tenth, CAST(0 AS float) AS zero,
 CAST(123456789.125 AS float) AS exact, CAST(NULL AS float) AS n

--# types/real
SELECT CAST(3.4028235E+38 AS real) AS hi, CAST(1.5 AS real) AS exact, CAST(0.1 AS real) AS tenth, CAST(NULL AS real) AS n

--# types/money
SELECT CAST('922337203685477.5807' AS money) AS hi, CAST('-922337203685477.5808' AS money) AS lo,
 CAST('12.34' AS money) AS m, CAST(NULL AS money) AS n

--# types/smallmoney
SELECT CAST('214748.3647' AS smallmoney) AS hi, CAST('-214748.3648' AS smallmoney) AS lo, CAST(NULL AS smallmoney) AS n

--# types/varchar
SELECT CAST('' AS varchar(10)) AS empty, CAST('it''s "quoted"' AS varchar(20)) AS quoted,
 CAST('trail  ' AS varchar(10)) AS trail, CAST(NULL AS varchar(10)) AS n

--# types/char
SELECT CAST('ab' AS char(5)) AS c5, CAST(N'ab' AS nchar(5)) AS n5, CAST(NULL AS char(5)) AS cn, CAST(NULL AS nchar(5)) AS nn

--# types/nvarchar
SELECT CAST(N'' AS nvarchar(10)) AS empty, CAST(N'Grüße, 你好, שלום, Привет' AS nvarchar(40)) AS words,
 CAST(N'a😀b🇨🇭c' AS nvarchar(40)) AS emoji, CAST(N'tab	end' AS nvarchar(20)) AS tab, CAST(NULL AS nvarchar(10)) AS n

--# types/max-null
SELECT CAST(NULL AS varchar(max)) AS v, CAST(NULL AS nvarchar(max)) AS nv, CAST(NULL AS varbinary(max)) AS b

--# types/max-small
SELECT CAST('' AS varchar(max)) AS v0, CAST('abc' AS varchar(max)) AS v, CAST(N'é😀' AS nvarchar(max)) AS nv,
 CAST(0x00010203 AS varbinary(max)) AS b

--# types/binary
SELECT CAST(0x AS varbinary(10)) AS empty, CAST(0x00FF10 AS varbinary(10)) AS v, CAST(0xAB AS binary(4)) AS fixed,
 CAST(NULL AS varbinary(10)) AS n

--# types/uniqueidentifier
SELECT CAST('01020304-0506-0708-090A-0B0C0D0E0F10' AS uniqueidentifier) AS g, CAST(NULL AS uniqueidentifier) AS n

--# types/date
SELECT CAST('0001-01-01' AS date) AS lo, CAST('9999-12-31' AS date) AS hi, CAST('2024-02-29' AS date) AS leap, CAST(NULL AS date) AS n

--# types/time
SELECT CAST('00:00:00' AS time(0)) AS t0, CAST('23:59:59.123' AS time(3)) AS t3, CAST('12:34:56.7654321' AS time(7)) AS t7, CAST(NULL AS time(7)) AS n

--# types/datetime
SELECT CAST('1753-01-01 00:00:00' AS datetime) AS lo, CAST('9999-12-31 23:59:59.997' AS datetime) AS hi,
 CAST('2024-02-29 12:34:56.123' AS datetime) AS d, CAST(NULL AS datetime) AS n

--# types/smalldatetime
SELECT CAST('1900-01-01 00:00' AS smalldatetime) AS lo, CAST('2079-06-06 23:59' AS smalldatetime) AS hi, CAST(NULL AS smalldatetime) AS n

--# types/datetime2
SELECT CAST('0001-01-01 00:00:00' AS datetime2(0)) AS lo, CAST('9999-12-31 23:59:59' AS datetime2(0)) AS hi,
 CAST('2024-02-29 12:34:56.123' AS datetime2(3)) AS d3, CAST('2024-02-29 12:34:56.7654321' AS datetime2(7)) AS d7, CAST(NULL AS datetime2(7)) AS n

--# types/datetimeoffset
SELECT CAST('2024-02-29 12:34:56 +14:00' AS datetimeoffset(0)) AS east, CAST('2024-02-29 12:34:56.7654321 -11:30' AS datetimeoffset(7)) AS west,
 CAST('2024-02-29 12:34:56.5 +00:00' AS datetimeoffset(3)) AS utc, CAST(NULL AS datetimeoffset(7)) AS n

--# types/sql-variant needs=sql_variant
SELECT CAST(CAST(42 AS int) AS sql_variant) AS i, CAST(CAST(N'text' AS nvarchar(10)) AS sql_variant) AS s, CAST(NULL AS sql_variant) AS n

--# types/xml needs=xml
SELECT CAST(N'<a><b>1</b></a>' AS xml) AS x, CAST(NULL AS xml) AS n

--# types/text needs=text
SELECT CAST('old text' AS text) AS t, CAST(N'old ntext é' AS ntext) AS nt, CAST(0x0102 AS image) AS i

--# types/columns-of-a-table
DROP TABLE IF EXISTS {p}_types
GO
CREATE TABLE {p}_types (id int NOT NULL PRIMARY KEY, b bit NULL, i bigint NULL, d decimal(18,4) NULL, f float NULL, m money NULL,
 s varchar(50) NULL, n nvarchar(50) NULL, vb varbinary(50) NULL, g uniqueidentifier NULL, dt datetime2(7) NULL, o datetimeoffset(7) NULL)
GO
INSERT INTO {p}_types (id, b, i, d, f, m, s, n, vb, g, dt, o) VALUES
 (1, 1, 9007199254740993, 12345.6789, 0.5, 1.25, 'varchar', N'nvarchar 😀', 0x00FF, '01020304-0506-0708-090A-0B0C0D0E0F10', '2024-02-29 12:34:56.7654321', '2024-02-29 12:34:56.7654321 +05:30')
GO
INSERT INTO {p}_types (id) VALUES (2)
GO
SELECT id, b, i, d, f, m, s, n, vb, g, dt, o FROM {p}_types ORDER BY id
GO
DROP TABLE {p}_types

--# results/multiple
SELECT 1 AS a
SELECT 'x' AS b, 2 AS c
SELECT 3 AS d WHERE 1 = 0
SELECT N'last' AS e

--# results/no-column-name
SELECT 1, 2 AS two, 3

--# results/duplicate-column-names
SELECT 1 AS a, 2 AS a, 3 AS b

--# results/unicode-column-name needs=unicode_names
SELECT 1 AS [größe 😀]

--# results/many-columns
SELECT 1 AS c01, 2 AS c02, 3 AS c03, 4 AS c04, 5 AS c05, 6 AS c06, 7 AS c07, 8 AS c08, 9 AS c09, 10 AS c10,
 NULL AS c11, NULL AS c12, N'a' AS c13, N'b' AS c14, N'c' AS c15, 16 AS c16, 17 AS c17, NULL AS c18, 19 AS c19, 20 AS c20

--# results/row-counts
CREATE TABLE #t (a int NOT NULL)
GO
INSERT INTO #t (a) VALUES (1), (2), (3)
GO
UPDATE #t SET a = a + 10 WHERE a >= 2
GO
DELETE FROM #t WHERE a = 12
GO
UPDATE #t SET a = 0 WHERE a = 999
SELECT @@ROWCOUNT AS rc
GO
SELECT a FROM #t ORDER BY a

--# results/nocount
SET NOCOUNT ON
CREATE TABLE #t (a int NOT NULL)
INSERT INTO #t (a) VALUES (1), (2)
SELECT COUNT(*) AS n FROM #t

--# results/identity
CREATE TABLE #t (id int IDENTITY(10,5) NOT NULL, a int NULL)
GO
INSERT INTO #t (a) VALUES (1)
INSERT INTO #t (a) VALUES (2)
SELECT CAST(SCOPE_IDENTITY() AS int) AS scope_identity_value, CAST(@@IDENTITY AS int) AS at_identity
GO
SELECT id, a FROM #t ORDER BY id

--# results/top
SELECT TOP 2 n FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) AS q ORDER BY n DESC

--# messages/print
PRINT 'hello'
SELECT 1 AS one
PRINT N'größe 😀'

--# messages/raiserror-informational
RAISERROR('note %d of %s', 5, 1, 7, 'ten')
SELECT 1 AS one

--# messages/raiserror
RAISERROR('bad thing %s', 16, 2, 'x')
GO
SELECT 1 AS still_usable

--# messages/error-between-results
SELECT 1 AS a
RAISERROR('between', 16, 1)
SELECT 2 AS b

--# messages/divide-by-zero
SELECT 1/0 AS never
GO
SELECT 1 AS still_usable

--# messages/missing-table
SELECT * FROM {p}_no_such_table
GO
SELECT 1 AS still_usable

--# messages/missing-column
SELECT no_such_column FROM (SELECT 1 AS a) AS q

--# messages/syntax-error
SELEC 1
GO
SELECT 1 AS still_usable

--# messages/duplicate-key
DROP TABLE IF EXISTS {p}_dup
GO
CREATE TABLE {p}_dup (a int NOT NULL CONSTRAINT {p}_pk PRIMARY KEY)
GO
INSERT INTO {p}_dup (a) VALUES (1)
GO
INSERT INTO {p}_dup (a) VALUES (1)
GO
SELECT COUNT(*) AS n FROM {p}_dup
GO
DROP TABLE {p}_dup

--# messages/null-into-not-null
DROP TABLE IF EXISTS {p}_nn
GO
CREATE TABLE {p}_nn (a int NOT NULL)
GO
INSERT INTO {p}_nn (a) VALUES (NULL)
GO
DROP TABLE {p}_nn

--# messages/conversion-failed
SELECT CAST('abc' AS int) AS never
GO
SELECT 1 AS still_usable

--# messages/throw needs=throw
THROW 50123, 'thrown text', 3
GO
SELECT 1 AS still_usable

--# messages/try-catch needs=try_catch
BEGIN TRY
 SELECT 1/0 AS never
END TRY
BEGIN CATCH
 SELECT ERROR_NUMBER() AS number
END CATCH

--# tran/text-commit
CREATE TABLE #t (a int NOT NULL)
GO
BEGIN TRANSACTION
SELECT @@TRANCOUNT AS depth
GO
INSERT INTO #t (a) VALUES (1)
GO
COMMIT TRANSACTION
SELECT @@TRANCOUNT AS depth
GO
SELECT COUNT(*) AS n FROM #t

--# tran/text-rollback
CREATE TABLE #t (a int NOT NULL)
GO
BEGIN TRAN
GO
INSERT INTO #t (a) VALUES (1)
SELECT COUNT(*) AS n FROM #t
GO
ROLLBACK
SELECT @@TRANCOUNT AS depth
GO
SELECT COUNT(*) AS n FROM #t

--# tran/text-nested
BEGIN TRAN
BEGIN TRAN
SELECT @@TRANCOUNT AS depth
COMMIT
SELECT @@TRANCOUNT AS depth
COMMIT
SELECT @@TRANCOUNT AS depth

--# tran/text-savepoint needs=savepoint
CREATE TABLE #t (a int NOT NULL)
GO
BEGIN TRANSACTION
INSERT INTO #t (a) VALUES (1)
SAVE TRANSACTION s1
INSERT INTO #t (a) VALUES (2)
ROLLBACK TRANSACTION s1
INSERT INTO #t (a) VALUES (3)
COMMIT
GO
SELECT a FROM #t ORDER BY a

--# tran/commit-without-begin
COMMIT TRANSACTION
GO
SELECT @@TRANCOUNT AS depth

--# tran/rollback-without-begin
ROLLBACK TRANSACTION
GO
SELECT @@TRANCOUNT AS depth

--# tran/isolation-levels
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED
GO
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
GO
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
BEGIN TRAN
SELECT @@TRANCOUNT AS depth
COMMIT
GO
SET TRANSACTION ISOLATION LEVEL READ COMMITTED

--# tran/xact-abort needs=xact_abort
CREATE TABLE #t (a int NOT NULL)
GO
SET XACT_ABORT ON
GO
BEGIN TRAN
INSERT INTO #t (a) VALUES (1)
SELECT 1/0 AS never
GO
SELECT @@TRANCOUNT AS depth
GO
SET XACT_ABORT OFF

--# tran/implicit needs=implicit_transactions
CREATE TABLE #t (a int NOT NULL)
GO
SET IMPLICIT_TRANSACTIONS ON
GO
INSERT INTO #t (a) VALUES (1)
GO
SELECT @@TRANCOUNT AS depth
GO
ROLLBACK
GO
SET IMPLICIT_TRANSACTIONS OFF
GO
SELECT @@TRANCOUNT AS depth

--# prepared/text-sp_executesql
EXEC sp_executesql N'SELECT @a + 1 AS r, @s AS s', N'@a int, @s nvarchar(20)', @a = 41, @s = N'é😀'

--# prepared/text-sp_prepare needs=text_prepare
DECLARE @h int
EXEC sp_prepare @h OUTPUT, N'@a int', N'SELECT @a * 2 AS r'
EXEC sp_execute @h, 21
EXEC sp_execute @h, NULL
EXEC sp_unprepare @h

--# proc/text needs=procedures
DROP PROCEDURE IF EXISTS {p}_text
GO
CREATE PROCEDURE {p}_text @a int, @b int OUTPUT AS
BEGIN
 SELECT @a AS a
 SET @b = @a * 3
 RETURN 7
END
GO
DECLARE @r int, @b int
EXEC @r = {p}_text 5, @b OUTPUT
SELECT @r AS r, @b AS b
GO
DROP PROCEDURE {p}_text

--# proc/missing
EXEC {p}_no_such_procedure
